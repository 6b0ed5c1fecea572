//! The service whose data is at stake would be here.
