//! What the allocator does with the buffers of disks.
#![allow(unsafe_code, reason = "a setting of the allocator has no safe interface")]

/// Has memory of a mebibyte and more given back as soon as it is freed.
///
/// fuser takes 16 MiB for each thread of a disk and touches a few pages of them. Where such a buffer comes fresh from the
/// kernel, the rest costs nothing; but glibc takes the first one that is freed for a sign that there will be more, keeps
/// it and those after it, and fills them with zeros for the next disk
/// ([mallopt(3)](https://man7.org/linux/man-pages/man3/mallopt.3.html), `M_MMAP_THRESHOLD`). Once the number is
/// set, glibc no longer moves it.
pub fn give_back_buffers() {
    #[cfg(target_env = "gnu")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        // SAFETY: mallopt takes the allocator's lock and sets a number that later allocations are compared with; no memory
        // that was handed out before is touched.
        ONCE.call_once(|| {
            unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20) };
        });
    }
}
