//! Programs that hang, flood, close early and leave daemons behind.
