/*
 * Loaded before libc into the program under test: names each of its outside effects, and kills it before or after one.
 *
 * EFFECTS_PEERS  the names of its peers on the network, as "PORT=NAME,PORT=NAME"
 * EFFECTS_LOG    a file to which the name of each effect is written, one a line
 * EFFECTS_AT     the effect that is the last, with
 * EFFECTS_NTH    which of its kind (the first is 1), and
 * EFFECTS_WHEN   "before" or "after" it
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define NAME 256

static const char *peers, *at;
static int nth, when_after, log_fd = -1;
static atomic_int seen;

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("EFFECTS_LOG"), *count = getenv("EFFECTS_NTH"), *when = getenv("EFFECTS_WHEN");
    peers = getenv("EFFECTS_PEERS");
    at = getenv("EFFECTS_AT");
    nth = count ? atoi(count) : 0;
    when_after = when && !strcmp(when, "after");
    if (log)
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* About to have an effect; whether to die after it. */
static int about(const char *what, const char *name) {
    char line[NAME + 32];
    int saved = errno, length = snprintf(line, sizeof line, "%s %s", what, name);
    if (log_fd >= 0) {
        line[length] = '\n';
        syscall(SYS_write, log_fd, line, length + 1);
        line[length] = 0;
    }
    errno = saved;
    if (!at || strcmp(line, at) || atomic_fetch_add(&seen, 1) + 1 != nth)
        return 0;
    if (!when_after)
        die();
    return 1;
}

static void done(int dies) {
    if (dies)
        die();
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The name of the peer at this address; 0 where it is nobody's outside. */
static int peer(const struct sockaddr_storage *address, socklen_t length, char *name) {
    unsigned port;
    if (address->ss_family == AF_UNIX) {
        if (length <= sizeof(sa_family_t))
            return 0; /* a pair within the process */
        strcpy(name, "socket");
        return 1;
    }
    if (address->ss_family == AF_INET)
        port = ntohs(((const struct sockaddr_in *)address)->sin_port);
    else if (address->ss_family == AF_INET6)
        port = ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    else
        return 0;
    for (const char *next = peers; next && *next; next = strchr(next, ',') ? strchr(next, ',') + 1 : NULL)
        if (strtoul(next, NULL, 10) == port && sscanf(next, "%*u=%255[^,]", name) == 1)
            return 1;
    snprintf(name, NAME, "port %u", port);
    return 1;
}

/* What stands behind a descriptor; 0 where it is nothing outside the process. */
static int behind(int fd, char *name) {
    struct stat about;
    char link[64], path[4096];
    int saved = errno, known = 0;
    if (syscall(SYS_fstat, fd, &about) == 0) {
        if (S_ISDIR(about.st_mode)) {
            strcpy(name, "folder");
            known = 1;
        } else if (S_ISFIFO(about.st_mode) && (fd == 1 || fd == 2)) {
            strcpy(name, "report");
            known = 1;
        } else if (S_ISSOCK(about.st_mode)) {
            struct sockaddr_storage address;
            socklen_t length = sizeof address;
            known = getpeername(fd, (struct sockaddr *)&address, &length) == 0 && peer(&address, length, name);
        } else if (S_ISREG(about.st_mode)) {
            snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
            ssize_t length = readlink(link, path, sizeof path - 1);
            if (length > 0) {
                path[length] = 0;
                snprintf(name, NAME, "%.255s", last_part(path));
                known = 1;
            }
        }
    }
    errno = saved;
    return known;
}

static int is_there(const char *path) {
    int saved = errno, there = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
    errno = saved;
    return there;
}

#define REAL(function) ((__typeof__(&function))real(#function))
static void *real(const char *function) { return dlsym(RTLD_NEXT, function); }

/* A function on a descriptor whose call is an effect. */
#define ON_FD(type, function, what, fd, parameters, arguments)                                                         \
    type function parameters {                                                                                         \
        char name[NAME];                                                                                               \
        int dies = behind(fd, name) && about(what, name);                                                              \
        type answer = REAL(function) arguments;                                                                        \
        done(dies);                                                                                                    \
        return answer;                                                                                                 \
    }

ON_FD(ssize_t, write, "write", fd, (int fd, const void *bytes, size_t length), (fd, bytes, length))
ON_FD(ssize_t, writev, "write", fd, (int fd, const struct iovec *parts, int count), (fd, parts, count))
ON_FD(ssize_t, pwrite, "write", fd, (int fd, const void *bytes, size_t length, off_t from), (fd, bytes, length, from))
ON_FD(ssize_t, pwrite64, "write", fd, (int fd, const void *bytes, size_t length, off64_t from),
      (fd, bytes, length, from))
ON_FD(ssize_t, send, "write", fd, (int fd, const void *bytes, size_t length, int flags), (fd, bytes, length, flags))
ON_FD(ssize_t, sendto, "write", fd,
      (int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size),
      (fd, bytes, length, flags, to, size))
ON_FD(ssize_t, sendmsg, "write", fd, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
ON_FD(int, fsync, "fsync", fd, (int fd), (fd))
ON_FD(int, fdatasync, "fsync", fd, (int fd), (fd))
ON_FD(int, ftruncate, "truncate", fd, (int fd, off_t length), (fd, length))
ON_FD(int, ftruncate64, "truncate", fd, (int fd, off64_t length), (fd, length))
ON_FD(int, fchmod, "chmod", fd, (int fd, mode_t mode), (fd, mode))

/* Receiving is an effect where something has come; a file or an empty socket is only looked at. */
static int arrived(int fd, char *name) {
    struct stat about;
    int waiting = 0, saved = errno;
    int come = syscall(SYS_fstat, fd, &about) == 0 && S_ISSOCK(about.st_mode) && ioctl(fd, FIONREAD, &waiting) == 0 &&
               waiting > 0 && behind(fd, name);
    errno = saved;
    return come;
}

#define RECEIVING(function, parameters, arguments)                                                                     \
    ssize_t function parameters {                                                                                      \
        char name[NAME];                                                                                               \
        int dies = arrived(fd, name) && about("receive", name);                                                        \
        ssize_t answer = REAL(function) arguments;                                                                     \
        done(dies);                                                                                                    \
        return answer;                                                                                                 \
    }

RECEIVING(read, (int fd, void *bytes, size_t length), (fd, bytes, length))
RECEIVING(readv, (int fd, const struct iovec *parts, int count), (fd, parts, count))
RECEIVING(recv, (int fd, void *bytes, size_t length, int flags), (fd, bytes, length, flags))
RECEIVING(recvfrom, (int fd, void *bytes, size_t length, int flags, struct sockaddr *from, socklen_t *size),
          (fd, bytes, length, flags, from, size))
RECEIVING(recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    char name[NAME];
    struct sockaddr_storage to = {0};
    memcpy(&to, address, length < sizeof to ? length : sizeof to);
    int dies = peer(&to, length, name) && about("connect", name);
    int answer = REAL(connect)(fd, address, length);
    done(dies);
    return answer;
}

int rename(const char *from, const char *to) {
    int dies = is_there(from) && about("rename", last_part(to));
    int answer = REAL(rename)(from, to);
    done(dies);
    return answer;
}

int unlink(const char *path) {
    int dies = is_there(path) && about("unlink", last_part(path));
    int answer = REAL(unlink)(path);
    done(dies);
    return answer;
}

int mkdir(const char *path, mode_t mode) {
    int dies = !is_there(path) && about("mkdir", last_part(path));
    int answer = REAL(mkdir)(path, mode);
    done(dies);
    return answer;
}

/* Opening is an effect where it makes the file. */
#define OPENING(function, parameters, arguments)                                                                       \
    int function parameters {                                                                                          \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                                                      \
        va_end(rest);                                                                                                  \
        int dies = flags & O_CREAT && !is_there(path) && about("create", last_part(path));                             \
        int answer = REAL(function) arguments;                                                                         \
        done(dies);                                                                                                    \
        return answer;                                                                                                 \
    }

OPENING(open, (const char *path, int flags, ...), (path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), (path, flags, mode))
OPENING(openat, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
OPENING(openat64, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
