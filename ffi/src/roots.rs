//! What the handles of C callers stand for.
//!
//! **A handle is a number, not an address: nothing is read through it.** It holds a slot and the generation that lived in
//! the slot when it was made, so null, stale and destroyed handles and pointers to something else are all told from a
//! living one, and by comparing one integer. Bit 62 is set in each, which no address of a user's program on x86-64 or
//! AArch64 has.
//!
//! A root is behind a lock that nobody waits for. Its own thread finds it free; whoever comes while another is inside is
//! refused with MUSTER_E_THREAD. So a caller's data race is an error code, and never undefined behaviour.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use std::{
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
    thread::{self, ThreadId},
};

use crate::error::{Refused, caught, muster_result_t::*};

#[cfg(not(target_pointer_width = "64"))]
compile_error!("handles need pointers of 64 bits");

/// Most worlds and replays at a time in one process.
pub(crate) const ROOTS_MAX: usize = 1024;

const SLOT_BITS: u32 = 10;
const MARK: u64 = 1 << 62;
const _: () = assert!(ROOTS_MAX == 1 << SLOT_BITS);

/// What a handle can stand for. The type's name is that of the handle.
pub(crate) trait Root: Sized + Send + 'static {
    /// `muster_world_t *`, for messages.
    const HANDLE: &'static str;
    /// The slots of this type.
    fn slots() -> &'static Slots<Self>;
}

/// The living roots of one type.
pub(crate) struct Slots<T> {
    free: Mutex<Free>,
    slots: [Slot<T>; ROOTS_MAX],
    /// Distinguishes the handles of this type from those of others.
    kind: u64,
}

/// Which slots can be taken.
struct Free {
    /// Slots from here on were never used.
    unused: usize,
    returned: Vec<usize>,
}

struct Slot<T> {
    /// The handle that lives here; 0 if none does. A handle that is not this one never touches the lock, so that
    /// nobody's mistake is in the way of the owner.
    handle: AtomicU64,
    /// Boxed, so that the slots that nobody uses are a few bytes each, and zeros.
    occupant: Mutex<Option<Box<Occupant<T>>>>,
    /// How many have lived here.
    generation: AtomicU64,
}

struct Occupant<T> {
    root: T,
    thread: ThreadId,
    /// Set for good by a panic: who knows what the root is like after one.
    is_broken: bool,
}

impl<T: Root> Slots<T> {
    /// For a static. `kind` is 0 to 15.
    pub(crate) const fn new(kind: u64) -> Self {
        Self {
            free: Mutex::new(Free { unused: 0, returned: Vec::new() }),
            slots: [const { Slot { handle: AtomicU64::new(0), occupant: Mutex::new(None), generation: AtomicU64::new(0) } };
                ROOTS_MAX],
            kind,
        }
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        // Nothing that can panic is done under this lock, and a list of numbers has no half state.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a root a handle. It belongs to this thread.
pub(crate) fn keep<T: Root>(root: T) -> Result<u64, Refused> {
    let slots = T::slots();
    let number = {
        let mut free = slots.free();
        free.returned.pop().or_else(|| {
            let number = free.unused;
            free.unused += usize::from(number < ROOTS_MAX);
            (number < ROOTS_MAX).then_some(number)
        })
    };
    let Some(number) = number else {
        return Err(Refused::new(MUSTER_E_FULL, format!("{ROOTS_MAX} {} live already", T::HANDLE)));
    };
    let slot = &slots.slots[number];
    let generation = slot.generation.fetch_add(1, Ordering::Relaxed) + 1;
    let handle = MARK | slots.kind << 58 | generation << SLOT_BITS | number as u64;
    let mut occupant = slot.occupant.lock().unwrap_or_else(PoisonError::into_inner);
    *occupant = Some(Box::new(Occupant { root, thread: thread::current().id(), is_broken: false }));
    slot.handle.store(handle, Ordering::Release);
    Ok(handle)
}

/// Works with what a handle stands for. A panic in `work` breaks it.
pub(crate) fn with<T: Root, R>(handle: u64, work: impl FnOnce(&mut T) -> Result<R, Refused>) -> Result<R, Refused> {
    let (_, mut guard) = enter::<T>(handle)?;
    let occupant = guard.as_mut().ok_or_else(|| dead::<T>(handle))?;
    if occupant.is_broken {
        let text = format!("this {} was broken by an earlier fault and can only be destroyed", T::HANDLE);
        return Err(Refused::new(MUSTER_E_BUG, text));
    }
    check_thread(occupant)?;
    let done = caught(|| work(&mut occupant.root));
    occupant.is_broken = done.as_ref().is_err_and(|refused| refused.code == MUSTER_E_BUG);
    done
}

/// Makes this thread the one that a root belongs to.
pub(crate) fn adopt<T: Root>(handle: u64) -> Result<(), Refused> {
    let (_, mut guard) = enter::<T>(handle)?;
    let occupant = guard.as_mut().ok_or_else(|| dead::<T>(handle))?;
    occupant.thread = thread::current().id();
    Ok(())
}

/// Ends a root; its handle is stale from now on, also if a panic came out of its end.
pub(crate) fn end<T: Root>(handle: u64) -> Result<(), Refused> {
    let (number, mut guard) = enter::<T>(handle)?;
    check_thread(guard.as_ref().ok_or_else(|| dead::<T>(handle))?)?;
    let slots = T::slots();
    slots.slots[number].handle.store(0, Ordering::Release);
    let occupant = guard.take();
    drop(guard);
    slots.free().returned.push(number);
    caught(|| {
        drop(occupant);
        Ok(())
    })
}

type Entered<T> = (usize, MutexGuard<'static, Option<Box<Occupant<T>>>>);

fn enter<T: Root>(handle: u64) -> Result<Entered<T>, Refused> {
    let number = (handle % ROOTS_MAX as u64) as usize;
    let slot = &T::slots().slots[number];
    if handle & MARK == 0 || slot.handle.load(Ordering::Acquire) != handle {
        return Err(dead::<T>(handle));
    }
    let guard = match slot.occupant.try_lock() {
        Ok(guard) => guard,
        // A panic is caught before it reaches the guard; and what it left is marked.
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => {
            let text = format!("another thread is using this {} at this moment", T::HANDLE);
            return Err(Refused::new(MUSTER_E_THREAD, text));
        }
    };
    // Between the first look and the lock it may have been destroyed by the thread that had it.
    if slot.handle.load(Ordering::Acquire) != handle {
        return Err(dead::<T>(handle));
    }
    Ok((number, guard))
}

fn check_thread<T>(occupant: &Occupant<T>) -> Result<(), Refused> {
    // Looking up the thread costs as much as all the rest of a call, so only debug builds do.
    if cfg!(debug_assertions) && occupant.thread != thread::current().id() {
        return Err(Refused::new(MUSTER_E_THREAD, "it belongs to another thread; see muster_world_adopt"));
    }
    Ok(())
}

fn dead<T: Root>(handle: u64) -> Refused {
    let reason = match handle {
        0 => "is null",
        _ if handle & MARK == 0 => "is no handle of Muster's",
        _ => "is stale: destroyed, or of another type",
    };
    Refused::new(MUSTER_E_HANDLE, format!("the {} {reason}", T::HANDLE))
}

impl<T> fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Sample(u32);
    impl Root for Sample {
        const HANDLE: &'static str = "sample";
        fn slots() -> &'static Slots<Self> {
            static SLOTS: Slots<Sample> = Slots::new(15);
            &SLOTS
        }
    }

    fn code<T>(answer: Result<T, Refused>) -> crate::error::muster_result_t {
        answer.map_or_else(|refused| refused.code, |_| MUSTER_OK)
    }

    #[test]
    fn only_living_handles_are_followed() {
        let first = keep(Sample(1)).expect("there is room");
        assert_eq!(with(first, |sample: &mut Sample| Ok(sample.0)), Ok(1));
        let other = keep(Sample(2)).expect("there is room");
        assert_eq!(end::<Sample>(first), Ok(()));
        let local = 0_u64;
        for dead in
            [first, 0, 1, u64::MAX, MARK, other ^ 1 << 58, other + (1 << SLOT_BITS), (&raw const local).addr() as u64]
        {
            assert_eq!(code(with(dead, |_: &mut Sample| Ok(()))), MUSTER_E_HANDLE, "{dead:x}");
            assert_eq!(code(end::<Sample>(dead)), MUSTER_E_HANDLE, "{dead:x}");
        }
        // The slot lives again, and its old handle does not.
        let again = keep(Sample(3)).expect("there is room");
        assert_eq!(code(with(first, |_: &mut Sample| Ok(()))), MUSTER_E_HANDLE);
        assert_eq!(with(other, |sample: &mut Sample| Ok(sample.0)), Ok(2));
        assert_eq!([end::<Sample>(other), end::<Sample>(again)], [Ok(()), Ok(())]);
    }

    #[test]
    fn a_panic_breaks_its_root_and_nothing_else() {
        let handle = keep(Sample(1)).expect("there is room");
        let panics = with(handle, |_: &mut Sample| -> Result<(), Refused> { panic!("on purpose") });
        assert!(panics.as_ref().is_err_and(|refused| refused.text.contains("on purpose")), "{panics:?}");
        assert_eq!(code(panics), MUSTER_E_BUG);
        assert_eq!(code(with(handle, |_: &mut Sample| Ok(()))), MUSTER_E_BUG);
        assert_eq!(end::<Sample>(handle), Ok(()));
        assert_eq!(code(end::<Sample>(handle)), MUSTER_E_HANDLE);
    }

    #[test]
    fn a_second_thread_is_refused_and_does_not_wait() {
        let handle = keep(Sample(1)).expect("there is room");
        let (inside, done) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                inside.wait();
                // Busy, in every build.
                assert_eq!(code(with(handle, |_: &mut Sample| Ok(()))), MUSTER_E_THREAD);
                assert_eq!(code(end::<Sample>(handle)), MUSTER_E_THREAD);
                done.wait();
            });
            let worked = with(handle, |_: &mut Sample| {
                inside.wait();
                done.wait();
                Ok(())
            });
            assert_eq!(worked, Ok(()));
        });
        let elsewhere = thread::scope(|scope| {
            let first = scope.spawn(|| code(with(handle, |_: &mut Sample| Ok(()))));
            first.join().expect("it does not panic")
        });
        assert_eq!(elsewhere, if cfg!(debug_assertions) { MUSTER_E_THREAD } else { MUSTER_OK });
        let adopted = thread::scope(|scope| {
            let second = scope.spawn(|| (adopt::<Sample>(handle), end::<Sample>(handle)));
            second.join().expect("it does not panic")
        });
        assert_eq!(adopted, (Ok(()), Ok(())));
    }
}
