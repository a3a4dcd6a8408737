//! A mutex that knows no poison.

use std::sync::{self, MutexGuard, PoisonError};

/// Guards what is whole at all times: whoever held it and panicked left nothing half done.
#[derive(Debug, Default)]
pub struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub const fn new(inside: T) -> Self {
        Self(sync::Mutex::new(inside))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_outlives_a_panic_of_who_held_it() {
        let mutex = Mutex::new(1);
        let hold = || {
            let _held = mutex.lock();
            panic!("while it was held");
        };
        std::thread::scope(|scope| scope.spawn(hold).join()).expect_err("it panicked");
        assert_eq!(*mutex.lock(), 1);
    }
}
