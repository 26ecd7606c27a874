//! Buffers of floats from a pool, aligned and on huge pages where the system has them.
//!
//! A fresh page costs as much as a pass over it, since the operating system zeroes it at the first touch. A
//! training step needs the same sizes again and again, so freed buffers are kept by size and handed out
//! again.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Cache line, and the alignment that any vector load could want.
const ALIGN: usize = 64;
/// From this size on a buffer is aligned to huge pages and asks for them.
const HUGE: usize = 2 << 20;
/// The most bytes of a buffer, a quarter of the address space: no system gives more, and rounding up more
/// could wrap around.
const MOST_BYTES: usize = 1 << (usize::BITS - 2);

/// A slice of f32 whose memory goes back to the pool when dropped.
///
/// ```
/// use resnet_kernels::Buffer;
/// let mut buffer = Buffer::zeroed(1000);
/// buffer[3] = 1.0;
/// assert_eq!(buffer.iter().sum::<f32>(), 1.0);
/// ```
pub struct Buffer {
    start: NonNull<f32>,
    len: usize,
    /// Allocated bytes: `len` rounded up to its size class.
    bytes: usize,
}

// SAFETY: a Buffer owns its memory alone, like a Box<[f32]>.
unsafe impl Send for Buffer {}
// SAFETY: shared access is read-only.
unsafe impl Sync for Buffer {}

/// Address of a free allocation; it owns the memory until it is handed out again or freed.
struct Free(NonNull<f32>);
// SAFETY: nobody else has the pointer while it lies in the pool.
unsafe impl Send for Free {}

fn shelves() -> &'static Mutex<HashMap<usize, Vec<Free>>> {
    static SHELVES: OnceLock<Mutex<HashMap<usize, Vec<Free>>>> = OnceLock::new();
    SHELVES.get_or_init(Default::default)
}

fn layout(bytes: usize) -> Layout {
    let align = if bytes >= HUGE { HUGE } else { ALIGN };
    Layout::from_size_align(bytes, align).expect("buffer larger than the address space")
}

/// Bytes to allocate for `len` floats: rounded up to a multiple of a thirty-second of the next power of two.
/// That wastes little, and nothing for filters that Winograd's algorithm has transformed, 36 numbers for 9.
///
/// # Panics
/// If `len` floats are more than a quarter of the address space; for fewer, nothing here wraps around.
fn size_class(len: usize) -> usize {
    let bytes = len.checked_mul(4).filter(|bytes| *bytes <= MOST_BYTES);
    let bytes = bytes.expect("buffer larger than the address space").max(ALIGN);
    let step = (bytes.next_power_of_two() / 32).max(ALIGN);
    bytes.div_ceil(step) * step
}

impl Buffer {
    /// `len` floats of unspecified value: zeros if fresh, what the last owner left otherwise.
    ///
    /// # Panics
    /// If `len` floats are more than a quarter of the address space, as in all constructors.
    pub fn unspecified(len: usize) -> Self {
        let bytes = size_class(len);
        let reused = shelves()
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(&bytes)
            .and_then(|shelf| shelf.pop());
        let start = match reused {
            Some(Free(start)) => start,
            None => {
                // SAFETY: the size is at least ALIGN, so not zero.
                let raw = unsafe { alloc(layout(bytes)) };
                let Some(start) = NonNull::new(raw.cast::<f32>()) else { handle_alloc_error(layout(bytes)) };
                // Pages come at the first touch, huge or not: the advice must come before that.
                advise_huge_pages(raw, bytes);
                // SAFETY: `raw` was just allocated with `bytes` bytes.
                unsafe { raw.write_bytes(0, bytes) };
                start
            }
        };
        Buffer { start, len, bytes }
    }

    /// `len` floats of unspecified value, in memory for at least `room` floats: buffers of one `room` reuse
    /// each other's memory, whatever their `len`.
    ///
    /// # Panics
    /// If `room` is less than `len`.
    pub fn with_room(len: usize, room: usize) -> Self {
        assert!(len <= room, "{len} floats in a buffer for {room}");
        let mut buffer = Buffer::unspecified(room);
        buffer.len = len;
        buffer
    }

    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        let mut buffer = Buffer::unspecified(len);
        buffer.fill(0.0);
        buffer
    }

    /// A copy of `slice`.
    pub fn copy_of(slice: &[f32]) -> Self {
        let mut buffer = Buffer::unspecified(slice.len());
        buffer.copy_from_slice(slice);
        buffer
    }
}

/// Returns the pool's free memory to the system and, with glibc, also what its allocator holds free. Call it
/// when much was freed that won't be needed again. Buffers in use are not touched.
pub fn release_free_memory() {
    let shelves = std::mem::take(&mut *shelves().lock().unwrap_or_else(PoisonError::into_inner));
    for (bytes, shelf) in shelves {
        for Free(start) in shelf {
            // SAFETY: allocated with this layout in `unspecified`, and taken off the shelf for good.
            unsafe { dealloc(start.as_ptr().cast(), layout(bytes)) };
        }
    }
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        // SAFETY: `malloc_trim` gives back only pages that no live allocation has.
        unsafe { libc::malloc_trim(0) };
    }
}

/// Tells the process's allocator to keep large freed blocks, as the pool of [`Buffer`]s does, for the rest of
/// the process. Without glibc it does nothing.
///
/// glibc takes every block of more than 32 MiB from the system and gives it back when it is freed, so that
/// each of its pages is cleared at its first touch, again and again. A training step of ResNet-50 has a dozen
/// such blocks beside its buffers: the gradients of its largest layers and what candle's own backward
/// pass adds up. The price is that freed memory stays with the process: a choice for a program, so no library
/// of ours makes it.
pub fn keep_large_allocations() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        // SAFETY: `mallopt` only changes settings of the allocator; a refusal costs only speed.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, i32::MAX);
            libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        }
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
fn advise_huge_pages(start: *mut u8, bytes: usize) {
    if bytes >= HUGE {
        // SAFETY: the range was just allocated; the advice changes no contents. A refusal costs only speed.
        unsafe { libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn advise_huge_pages(_start: *mut u8, _bytes: usize) {}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut shelves = shelves().lock().unwrap_or_else(PoisonError::into_inner);
        shelves.entry(self.bytes).or_default().push(Free(self.start));
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `len` floats, initialised when they were allocated, owned by self.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`; `&mut self` makes the borrow unique.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} floats)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_hold_their_length_and_waste_little() {
        for len in [0, 1, 15, 16, 17, 1000, 12_345, 1 << 20, (1 << 20) + 1] {
            let bytes = size_class(len);
            assert!(bytes >= 4 * len && bytes.is_multiple_of(ALIGN));
            assert!(len < 1000 || bytes as f64 <= 4.0 * len as f64 * 1.07, "{len}: {bytes}");
            assert_eq!(size_class(bytes / 4), bytes, "a class is its own class");
        }
    }

    #[test]
    fn lengths_that_no_memory_has_are_refused_before_they_wrap_around() {
        // A quarter of all numbers, in bytes rounded up, is 0 bytes.
        for len in [usize::MAX / 4, usize::MAX / 4 - 1, usize::MAX, MOST_BYTES / 4 + 1] {
            assert!(std::panic::catch_unwind(|| size_class(len)).is_err(), "{len}");
        }
        assert_eq!(size_class(MOST_BYTES / 4), MOST_BYTES);
    }

    #[test]
    fn memory_comes_back_and_copies_are_independent() {
        let len = if cfg!(miri) { 7_777 } else { 777_777 }; // a size no other test uses
        let first = Buffer::copy_of(&vec![2.0; len]);
        let address = first.as_ptr();
        drop(first);
        let second = Buffer::zeroed(len);
        assert_eq!(second.as_ptr(), address);
        let third = Buffer::copy_of(&second);
        assert_ne!(third.as_ptr(), address);
        assert!(third.iter().all(|x| *x == 0.0));
        assert_eq!(second.as_ptr() as usize % ALIGN, 0);
    }

    #[test]
    fn an_empty_buffer_is_fine() {
        assert_eq!(Buffer::zeroed(0).len(), 0);
        release_free_memory();
    }
}
