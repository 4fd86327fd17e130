//! The memory of C callers: pointers as types that safe Rust cannot make, and the few ways to read and write through
//! them.
//!
//! **A value of [`In`] or [`Out`] exists only because a C caller passed it**, since their fields are private and nothing
//! here makes one but null. What the headers ask of a caller is therefore what every block below relies on: a pointer that is not
//! null is readable (or writable) for as many items as the call says, and nobody else writes there meanwhile. What can be
//! checked is checked: null, alignment, sizes that no memory has.

use core::{
    ffi::{CStr, c_char},
    mem::MaybeUninit,
    ptr, slice,
};

use crate::error::{Refused, muster_result_t};

/// A type of the ABI: laid out as in C, and every pattern of bits is a value of it.
///
/// # Safety
/// Numbers, [`In`], and `repr(C)` structs of only those.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($type:ty),* $(,)?) => { $(
        // SAFETY: an integer or a `repr(C)` struct whose fields are integers and pointers.
        unsafe impl Plain for $type {}
    )* };
}
plain!(u8, u16, u32, u64, i32, i64, f32, [f32; 2], usize, c_char, In<c_char>);
plain!(crate::base::muster_position_t, crate::space::muster_sector_t);
plain!(
    crate::config::muster_weapon_t,
    crate::config::muster_step_t,
    crate::config::muster_behaviour_t,
    crate::config::muster_world_config_t,
    crate::config::muster_execution_t,
    crate::entity::muster_spawn_t,
    crate::event::muster_event_t,
    crate::command::muster_command_t,
    crate::command::muster_projectile_t,
    crate::world::muster_sector_hash_t,
    crate::query::muster_filter_t,
    crate::query::muster_ray_hit_t,
    crate::map::muster_map_info_t,
    crate::map::muster_zone_t,
    crate::map::muster_spawn_point_t,
    crate::map::muster_pickup_t,
    crate::replay::muster_replay_settings_t,
    crate::replay::muster_replay_info_t,
    crate::replay::muster_divergence_t,
    crate::world::muster_stats_t,
    crate::sync_server::muster_kind_weight_t,
    crate::sync_server::muster_sync_config_t,
    crate::sync_server::muster_viewer_options_t,
    crate::sync_server::muster_view_t,
    crate::sync_server::muster_inputs_due_t,
    crate::sync_server::muster_sync_server_stats_t,
    crate::sync_client::muster_sync_client_options_t,
    crate::sync_client::muster_sync_terms_t,
    crate::sync_client::muster_received_t,
    crate::sync_client::muster_predicted_t,
    crate::sync_client::muster_departure_t,
    crate::sync_client::muster_sync_client_stats_t,
);

/// The smallest struct of a version that the library was ever released with, for structs that grow.
pub trait Versioned: Plain {
    /// Its size in version 0.1.
    const SIZE_MIN: usize;
}

/// A pointer of a C caller that is read from: `const T *`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct In<T>(*const T);

/// A pointer of a C caller that is written to: `T *`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Out<T>(*mut T);

/// A pointer for a C caller to memory that is never freed.
#[derive(Debug)]
#[repr(transparent)]
pub struct Static<T>(*const T);

impl Static<c_char> {
    /// A text that ends in a zero byte.
    pub const fn text(text: &'static CStr) -> Self {
        Self(text.as_ptr())
    }
}

/// No array of a caller is larger than half of the address space.
const BYTES_MAX: usize = isize::MAX as usize;
/// Structs of later versions may be larger than ours, but not absurdly.
const STRUCT_BYTES_MAX: usize = 4096;

fn bytes_of(count: usize, size: usize, name: &'static str) -> Result<usize, Refused> {
    count
        .checked_mul(size)
        .filter(|bytes| *bytes <= BYTES_MAX)
        .ok_or_else(|| Refused::argument(name, "counts more items than memory can hold"))
}

fn check(address: usize, align: usize, name: &'static str) -> Result<(), Refused> {
    if address == 0 {
        return Err(Refused::argument(name, "is null"));
    }
    if !address.is_multiple_of(align) {
        return Err(Refused::argument(name, "is not aligned for its type"));
    }
    Ok(())
}

impl<T> In<T> {
    /// No pointer. It is the only one that is not from a caller, and nothing is ever read through it.
    pub const fn null() -> Self {
        Self(ptr::null())
    }

    /// Whether the caller passed NULL.
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }
}

impl<T: Plain> In<T> {
    /// An array, valid for the call. With a count of 0 the pointer may be anything.
    pub fn slice<'call>(self, count: usize, name: &'static str) -> Result<&'call [T], Refused> {
        if count == 0 {
            return Ok(&[]);
        }
        check(self.0.addr(), align_of::<T>(), name)?;
        bytes_of(count, size_of::<T>(), name)?;
        // SAFETY: not null and aligned, as checked; the caller vouches for `count` items that nobody writes during the
        // call; every pattern of bits is a `T`.
        Ok(unsafe { slice::from_raw_parts(self.0, count) })
    }

    /// One value.
    pub fn read(self, name: &'static str) -> Result<T, Refused> {
        Ok(self.slice(1, name)?[0])
    }
}

impl<T: Versioned> In<T> {
    /// A struct that begins with its size, which says the version that the caller was compiled for. What an older caller
    /// does not have is 0; what a newer one has beyond ours must be 0, for we would not do what it asks.
    pub fn versioned(self, name: &'static str) -> Result<T, Refused> {
        check(self.0.addr(), align_of::<T>(), name)?;
        let size = In(self.0.cast::<u32>()).read(name)? as usize;
        self.read_sized(size, name)
    }

    /// One struct of `stride` bytes.
    pub fn record(self, stride: usize, name: &'static str) -> Result<T, Refused> {
        check(self.0.addr(), align_of::<T>(), name)?;
        self.read_sized(stride, name)
    }

    /// An array of structs that are each `stride` bytes, which says the version that the caller was compiled for.
    pub fn records<'call>(
        self,
        count: usize,
        stride: usize,
        name: &'static str,
    ) -> Result<impl Iterator<Item = Result<T, Refused>> + use<'call, T>, Refused> {
        if count > 0 {
            check(self.0.addr(), align_of::<T>(), name)?;
            check_size::<T>(stride, name)?;
            bytes_of(count, stride, name)?;
        }
        Ok((0..count).map(move |index| Self(self.0.wrapping_byte_add(index * stride)).read_sized(stride, name)))
    }

    fn read_sized(self, size: usize, name: &'static str) -> Result<T, Refused> {
        check_size::<T>(size, name)?;
        let bytes = In(self.0.cast::<u8>()).slice(size, name)?;
        let (known, beyond) = bytes.split_at(size.min(size_of::<T>()));
        if beyond.iter().any(|byte| *byte != 0) {
            let text = format!("{name} uses fields that version {} does not have", env!("CARGO_PKG_VERSION"));
            return Err(Refused::new(muster_result_t::MUSTER_E_STRUCT, text));
        }
        let mut value = MaybeUninit::<T>::zeroed();
        // SAFETY: `known` is no longer than a `T`, and every pattern of bits, zeros included, is a `T`.
        Ok(unsafe {
            ptr::copy_nonoverlapping(known.as_ptr(), value.as_mut_ptr().cast::<u8>(), known.len());
            value.assume_init()
        })
    }
}

impl In<c_char> {
    /// A text that ends in a zero byte, of at most `length_max` bytes of UTF-8.
    pub fn text<'call>(self, length_max: usize, name: &'static str) -> Result<&'call str, Refused> {
        check(self.0.addr(), 1, name)?;
        let start = self.0.cast::<u8>();
        // SAFETY: the caller vouches for a text that ends in a zero byte, and no byte after the first zero is read.
        let length = (0..=length_max).find(|index| unsafe { *start.add(*index) } == 0);
        let length = length.ok_or_else(|| Refused::argument(name, "is too long"))?;
        let bytes = In(start).slice(length, name)?;
        str::from_utf8(bytes).map_err(|_| Refused::argument(name, "is not UTF-8"))
    }
}

fn check_size<T: Versioned>(size: usize, name: &'static str) -> Result<(), Refused> {
    if (T::SIZE_MIN..=STRUCT_BYTES_MAX).contains(&size) && size.is_multiple_of(align_of::<T>()) {
        return Ok(());
    }
    let text = format!("{name} has size {size}; it is {} in version {}", size_of::<T>(), env!("CARGO_PKG_VERSION"));
    Err(Refused::new(muster_result_t::MUSTER_E_STRUCT, text))
}

impl Out<u8> {
    /// [`Out::fill`] for bytes.
    pub fn fill_bytes(
        self,
        bytes: &[u8],
        capacity: usize,
        out_size: Out<usize>,
        name: &'static str,
    ) -> Result<(), Refused> {
        let size = check_room(bytes.len(), capacity, out_size, name)?;
        self.write_all(bytes, name)?;
        out_size.write(size, "out_size")
    }
}

impl Out<c_char> {
    /// A text with its final zero byte, and its length without that; if there is no room, the length with it.
    pub fn fill_text(
        self,
        text: &str,
        capacity: usize,
        out_length: Out<usize>,
        name: &'static str,
    ) -> Result<(), Refused> {
        check_room(text.len() + 1, capacity, out_length, name)?;
        let bytes: Vec<c_char> = text.bytes().chain([0]).map(|byte| byte as c_char).collect();
        self.write_all(&bytes, name)?;
        out_length.write(text.len(), "out_length")
    }
}

impl Out<f32> {
    /// The same memory as pairs.
    pub fn pairs(self) -> Out<[f32; 2]> {
        Out(self.0.cast())
    }
}

impl<T: Copy> Out<T> {
    /// Whether the caller passed NULL.
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Refuses what [`Self::write`] would refuse, before there is anything to write.
    pub fn check(self, name: &'static str) -> Result<(), Refused> {
        check(self.0.addr(), align_of::<T>(), name)
    }

    /// Writes one value.
    pub fn write(self, value: T, name: &'static str) -> Result<(), Refused> {
        self.write_all(&[value], name)
    }

    /// Writes as many values as there are. The caller has said that there is room for them.
    pub fn write_all(self, values: &[T], name: &'static str) -> Result<(), Refused> {
        if values.is_empty() {
            return Ok(());
        }
        self.check(name)?;
        // SAFETY: not null and aligned, as checked; the caller vouches for room; `values` is memory of ours.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), self.0, values.len()) };
        Ok(())
    }

    /// The protocol of arrays: how many there are, and the items themselves if there is room for all of them.
    pub fn fill(
        self,
        values: impl ExactSizeIterator<Item = T>,
        capacity: usize,
        out_count: Out<usize>,
        name: &'static str,
    ) -> Result<(), Refused> {
        let count = check_room(values.len(), capacity, out_count, name)?;
        if count > 0 {
            self.check(name)?;
        }
        for (index, value) in values.enumerate() {
            // SAFETY: not null and aligned, as checked; the caller vouches for `capacity` items, which is no fewer.
            unsafe { self.0.add(index).write(value) };
        }
        out_count.write(count, "out_count")
    }

    /// Writes an array whose length the caller knows: all items, or none if one of them is an error. They wait in
    /// `scratch` until all are known to be good.
    pub fn fill_all(
        self,
        values: impl ExactSizeIterator<Item = Result<T, Refused>>,
        scratch: &mut Vec<T>,
        name: &'static str,
    ) -> Result<(), Refused> {
        if values.len() > 0 {
            self.check(name)?;
        }
        scratch.clear();
        for value in values {
            scratch.push(value?);
        }
        self.write_all(scratch, name)
    }
}

/// Refuses an array that is too small, and tells the caller how large it must be.
fn check_room(count: usize, capacity: usize, out_count: Out<usize>, name: &'static str) -> Result<usize, Refused> {
    out_count.check("out_count")?;
    if count > capacity {
        out_count.write(count, "out_count")?;
        let text = format!("{name} has room for {capacity}, and there are {count}");
        return Err(Refused::new(muster_result_t::MUSTER_E_BUFFER, text));
    }
    Ok(count)
}

impl<T: Versioned> Out<T> {
    /// Writes structs of `stride` bytes each: as much of ours as the caller knows, and zeros where it knows more.
    pub fn write_records(
        self,
        values: impl ExactSizeIterator<Item = T>,
        stride: usize,
        name: &'static str,
    ) -> Result<(), Refused> {
        if values.len() == 0 {
            return Ok(());
        }
        self.check(name)?;
        check_size::<T>(stride, name)?;
        bytes_of(values.len(), stride, name)?;
        for (index, value) in values.enumerate() {
            let known = stride.min(size_of::<T>());
            // SAFETY: the caller vouches for room for as many structs of `stride` bytes; `known` is no more than that
            // and no more than a `T`.
            unsafe {
                let to = self.0.cast::<u8>().add(index * stride);
                ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), to, known);
                ptr::write_bytes(to.add(known), 0, stride - known);
            }
        }
        Ok(())
    }

    /// [`Out::fill`] for structs of `stride` bytes each.
    pub fn fill_records(
        self,
        values: impl ExactSizeIterator<Item = T>,
        stride: usize,
        capacity: usize,
        out_count: Out<usize>,
        name: &'static str,
    ) -> Result<(), Refused> {
        check_size::<T>(stride, name)?;
        let count = check_room(values.len(), capacity, out_count, name)?;
        self.write_records(values, stride, name)?;
        out_count.write(count, "out_count")
    }

    /// Refuses a size of structs that [`Self::write_records`] would refuse.
    pub fn check_stride(self, stride: usize, name: &'static str) -> Result<(), Refused> {
        check_size::<T>(stride, name)
    }

    /// Refuses what [`Self::write_versioned`] would refuse.
    pub fn check_versioned(self, name: &'static str) -> Result<(), Refused> {
        self.check(name)?;
        let size = In(self.0.cast::<u32>().cast_const()).read(name)?;
        check_size::<T>(size as usize, name)
    }

    /// Writes a struct whose size the caller has put into its first field, and keeps that field.
    pub fn write_versioned(self, value: T, name: &'static str) -> Result<(), Refused> {
        self.check(name)?;
        let size = In(self.0.cast::<u32>().cast_const()).read(name)?;
        self.write_records([value].into_iter(), size as usize, name)?;
        Out(self.0.cast::<u32>()).write(size, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Debug)]
    #[repr(C)]
    struct Sample {
        size: u32,
        a: u32,
        b: u64,
        c: u64,
    }
    // SAFETY: integers only.
    unsafe impl Plain for Sample {}
    impl Versioned for Sample {
        const SIZE_MIN: usize = 16;
    }

    #[test]
    fn pointers_that_cannot_be_right_are_refused() {
        let value = 7_u64;
        assert_eq!(In(&raw const value).read("value").ok(), Some(7));
        assert!(In(ptr::null::<u64>()).read("value").is_err());
        assert!(In((&raw const value).wrapping_byte_add(1)).read("value").is_err());
        assert!(In(&raw const value).slice(usize::MAX, "value").is_err());
        assert_eq!(In(ptr::null::<u64>()).slice(0, "value").map(<[u64]>::len).ok(), Some(0));
        let mut to = 0_u64;
        assert!(Out(&raw mut to).write(9, "to").is_ok());
        assert!(Out(ptr::null_mut::<u64>()).write(9, "to").is_err());
        assert_eq!(to, 9);
    }

    #[test]
    fn older_and_newer_structs_are_understood() {
        // A newer caller's struct: 8 bytes more than ours.
        let newer = [[32_u32, 1], [2, 0], [3, 0], [0, 0]];
        let read = |words: &[[u32; 2]]| In(words.as_ptr().cast::<Sample>()).versioned("sample");
        assert_eq!(read(&newer.map(|[low, high]| [low, high])).ok(), Some(Sample { size: 32, a: 1, b: 2, c: 3 }));
        let mut asks_more = newer;
        asks_more[3] = [0, 1];
        assert!(read(&asks_more).is_err());
        let mut older = newer;
        older[0][0] = 16;
        assert_eq!(read(&older).ok(), Some(Sample { size: 16, a: 1, b: 2, c: 0 }));
        for wrong in [0, 4, 15, 17, 4104, u32::MAX] {
            older[0][0] = wrong;
            assert!(read(&older).is_err(), "{wrong}");
        }
    }

    #[test]
    fn structs_are_written_as_far_as_the_caller_knows_them() {
        let value = Sample { size: 24, a: 1, b: 2, c: 3 };
        for (size, expect) in
            [(16_u64, [16 | 1 << 32, 2, 9, 9]), (24, [24 | 1 << 32, 2, 3, 9]), (32, [32 | 1 << 32, 2, 3, 0])]
        {
            let mut words = [size, 9, 9, 9];
            let out = Out(words.as_mut_ptr().cast::<Sample>());
            assert!(out.write_versioned(value, "sample").is_ok());
            assert_eq!(words, expect);
        }
    }

    #[test]
    fn texts_end_at_their_zero_byte() {
        let text = |bytes: &'static [u8], length_max| In(bytes.as_ptr().cast::<c_char>()).text(length_max, "text").ok();
        assert_eq!(text(b"abc\0", 8), Some("abc"));
        assert_eq!(text(b"abc\0", 3), Some("abc"));
        assert_eq!(text(b"abc\0", 2), None);
        assert_eq!(text(b"\xff\0", 8), None);
    }
}
