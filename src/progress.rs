//! Progress on a terminal: the only file that knows indicatif.

use std::borrow::Cow;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a spinner turns: often enough to be seen to live, seldom enough to cost nothing.
const TICK: Duration = Duration::from_millis(100);

/// Where bars are shown; they hide themselves where standard error is no terminal.
#[derive(Clone)]
pub struct Progress {
    bars: MultiProgress,
}

impl Progress {
    /// On standard error, unless `hidden`.
    pub fn new(hidden: bool) -> Self {
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { bars: MultiProgress::with_draw_target(target) }
    }

    /// A stage whose length is not known; gone when dropped.
    pub fn spinner(&self, what: impl Into<Cow<'static, str>>) -> Stage {
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("the template is constant");
        self.stage(ProgressBar::new_spinner().with_style(style).with_message(what))
    }

    /// A stage of `steps` steps; gone when dropped.
    pub fn bar(&self, what: impl Into<Cow<'static, str>>, steps: usize) -> Stage {
        let template = "{spinner} {msg} [{bar:30}] {pos}/{len} {elapsed}";
        let style = ProgressStyle::with_template(template).expect("the template is constant").progress_chars("=> ");
        self.stage(ProgressBar::new(steps as u64).with_style(style).with_message(what))
    }

    fn stage(&self, bar: ProgressBar) -> Stage {
        let bar = self.bars.add(bar);
        // Each bar turns in a thread of its own, which nobody would see under cron.
        if !self.bars.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Stage { bar }
    }
}

/// One stage under way.
pub struct Stage {
    bar: ProgressBar,
}

impl Stage {
    pub fn step(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
