//! What a program says on standard error: for people, line by line.

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::{CHUNK, Fault, Hidden};
use crate::harmless;
use crate::mutex::Mutex;

/// Lines are told up to so many bytes: some hundred lines, and no flood of a log.
const MOST: usize = 64 * 1024;

/// Of a longer line the rest is left out: twice what a report shows of one.
const LONGEST: usize = 8 * 1024;

/// Standard error of one run. Can be asked after the run was given up, too.
#[derive(Debug, Default)]
pub struct Said {
    /// How the program is called in front of each line; `None`: the lines are not told.
    name: Option<String>,
    hidden: Hidden,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    open: Vec<u8>,
    is_cut: bool,
    told: usize,
    first: Option<String>,
    last: Option<String>,
}

impl Said {
    /// Each line is told with `-v`, after `name`, and without what is `hidden`.
    pub fn told(name: &str, hidden: Hidden) -> Self {
        Self { name: Some(name.to_owned()), hidden, lines: Mutex::default() }
    }

    /// The first line that is not empty.
    pub fn first(&self) -> Option<String> {
        self.lines.lock().first.clone()
    }

    /// The last line that is not empty.
    pub fn last(&self) -> Option<String> {
        self.lines.lock().last.clone()
    }

    /// Reads to the end, however much it is: whoever writes must not wait.
    pub(super) async fn hear(&self, mut from: impl AsyncRead + Unpin) -> Result<(), Fault> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from.read(&mut chunk).await?;
            if read == 0 {
                return Ok(());
            }
            self.take(&chunk[..read]);
        }
    }

    /// What was written without the end of a line is a line as well.
    pub(super) fn end(&self) {
        self.close(&mut self.lines.lock());
    }

    fn take(&self, bytes: &[u8]) {
        let mut lines = self.lines.lock();
        for (place, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if place > 0 {
                self.close(&mut lines);
            }
            let room = LONGEST - lines.open.len();
            lines.is_cut |= part.len() > room;
            lines.open.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    fn close(&self, lines: &mut Lines) {
        let (bytes, is_cut) = (std::mem::take(&mut lines.open), std::mem::take(&mut lines.is_cut));
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let text = if is_cut { self.hidden.clean_cut(text) } else { self.hidden.clean(text) };
        if let Some(name) = &self.name {
            self.tell(lines, name, &text);
        }
        lines.first.get_or_insert_with(|| text.clone());
        lines.last = Some(text);
    }

    fn tell(&self, lines: &mut Lines, name: &str, text: &str) {
        let before = lines.told;
        lines.told += text.len();
        if lines.told <= MOST {
            tracing::info!("{name}: {}", harmless::line(text));
        } else if before <= MOST {
            tracing::info!("{name}: (what else it says is left out)");
        }
    }
}
