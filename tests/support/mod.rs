//! What several tests need.
#![allow(dead_code, reason = "each test uses its own part")]

pub mod checkout;
pub mod disk;
pub mod dockerd;
pub mod durability;
pub mod files;
pub mod liar;
