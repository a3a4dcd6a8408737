//! What went wrong with a call, in sentences: which command, at what, and why.

use std::io::ErrorKind;
use std::process::ExitStatus;

use anyhow::{Error, anyhow};

use super::answer::Failed;
use super::words::Words;
use crate::command::{Fault, Place, Program, Said};
use crate::net::{Failure, Wait};

/// EX_TEMPFAIL of BSD's sysexits.h: try again soon.
const TRY_AGAIN: i32 = 75;

/// The command answered that it did not do it.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct Refused {
    pub sentence: String,
    /// Another grant stands there.
    pub occupied: bool,
    /// The old grant stands again, under this id.
    pub restored: Option<String>,
}

/// One call of one command.
pub struct About<'a> {
    pub name: &'a str,
    pub verb: &'a str,
    pub words: &'a Words,
    pub said: &'a Said,
}

impl About<'_> {
    /// Not even begun, or stopped at the end of its time.
    pub fn given_up(&self, why: Error) -> Error {
        let last = self.said.last().map(|last| format!(" (it said last: {})", self.words.sentence(&last)));
        why.context(format!("the command '{}' did not answer `{}`{}", self.name, self.verb, last.unwrap_or_default()))
    }

    pub fn did_not_run(&self, fault: Fault, program: &Program) -> Failure {
        let Self { name, verb, .. } = self;
        match fault {
            Fault::Start(error) => {
                let again = error.kind() == ErrorKind::ExecutableFileBusy;
                let advice = advice(&error, program);
                let error = Error::new(error).context(format!("the command '{name}' cannot be started{advice}"));
                // Somebody is writing the file, and will be done in a moment.
                if again { Failure::passing(error, Wait::Backoff) } else { Failure::last(error) }
            }
            Fault::TooMuch(most) => Failure::last(anyhow!(
                "the command '{name}' was stopped at `{verb}`: it writes more than {} MiB to standard output",
                most >> 20
            )),
            Fault::Talk(error) => {
                Failure::last(Error::new(error).context(format!("cannot talk with the command '{name}' at `{verb}`")))
            }
        }
    }

    /// It said so itself, on standard output.
    pub fn refused(&self, Failed { error, occupied, restored }: Failed, status: ExitStatus) -> Failure {
        let sentence = format!("{} says: {}", self.name(), self.words.sentence(&error));
        // An id that cannot be kept is none.
        let restored = restored.filter(|id| self.words.word("the id", id).is_ok());
        self.failure(status, Refused { sentence, occupied, restored }.into())
    }

    /// It ended with another status than 0, and perhaps said why on standard error.
    pub fn failed(&self, status: ExitStatus) -> Failure {
        let why = match self.said.last() {
            // Some end with a line that says nothing, such as their own version.
            Some(last) if self.said.first().as_ref() != Some(&last) => {
                format!("{} (`-v` shows all that it said)", self.words.sentence(&last))
            }
            Some(last) => self.words.sentence(&last),
            None => "it said nothing on standard error; run it by hand with the request of the README".to_owned(),
        };
        let name = self.name();
        self.failure(status, anyhow!("{name} failed ({status}): {why}"))
    }

    fn name(&self) -> String {
        format!("the command '{}', asked to `{}`,", self.name, self.verb)
    }

    fn failure(&self, status: ExitStatus, error: Error) -> Failure {
        if status.code() == Some(TRY_AGAIN) { Failure::passing(error, Wait::Backoff) } else { Failure::last(error) }
    }
}

/// What to do about a program that cannot be started.
fn advice(error: &std::io::Error, Program { argv, place }: &Program) -> String {
    let bare = argv.first().is_none_or(|program| !program.contains('/'));
    match (error.kind(), place) {
        (ErrorKind::NotFound, _) if bare => {
            "; it is looked for along PATH, write ./NAME for one beside the config file".into()
        }
        (ErrorKind::NotFound, Place::Own { folder, .. }) => format!(
            "; it is looked for from {}, and what its first line names has to be there as well",
            folder.display()
        ),
        (ErrorKind::PermissionDenied, Place::Own { folder, .. })
            if argv.first().is_some_and(|program| folder.join(program).is_dir()) =>
        {
            "; it is a folder, and the name of a program in it belongs there".into()
        }
        (ErrorKind::PermissionDenied, _) => "; make it executable with chmod +x".into(),
        (ErrorKind::ExecutableFileBusy, _) => "; somebody is writing to it".into(),
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            "; a script needs a first line that names its interpreter, for instance #!/bin/sh".into()
        }
        _ => String::new(),
    }
}
