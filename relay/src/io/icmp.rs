//! Reads the ICMP errors that the kernel kept for a socket (`IP_RECVERR`, `IPV6_RECVERR`).

use std::{io, os::fd::RawFd};

use super::{
    IcmpError,
    address::{ADDRESS_BYTES, decode},
};

/// Errors taken off one queue in one go. What is left makes the next receive fail and is taken then.
const ERRORS_MAX: usize = 256;

/// Room for the control messages of one error: a `sock_extended_err`, the offender's address, and what else is on.
const CONTROL_BYTES: usize = 256;

/// Bytes of `sock_extended_err`.
const EXTENDED_ERROR_BYTES: usize = 16;

#[repr(align(8))]
struct Control([u8; CONTROL_BYTES]);

/// Takes the errors off the queue of `fd` and hands on those that came over the network.
///
/// Taking an error off also clears the socket's pending error, and an error left on the queue keeps the socket
/// readable, so this has to follow every failed receive or send.
pub(super) fn drain(fd: RawFd, mut each: impl FnMut(IcmpError)) {
    for _ in 0..ERRORS_MAX {
        match next(fd) {
            Ok(Some(error)) => each(error),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// One error; `None` if it did not come over the network, as when our own host refuses a datagram as too long.
fn next(fd: RawFd) -> io::Result<Option<IcmpError>> {
    let mut name = [0_u8; ADDRESS_BYTES];
    let mut control = Control([0; CONTROL_BYTES]);
    // SAFETY: all zeroes is a valid `msghdr`: null pointers with zero lengths.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = name.as_mut_ptr().cast();
    header.msg_namelen = name.len() as _;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len() as _;
    // SAFETY: `header` points to `name` and `control` with their own sizes, and all outlive the call.
    let result = unsafe { libc::recvmsg(fd, &raw mut header, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    #[allow(clippy::unnecessary_cast, reason = "the C libraries do not agree on its type")]
    let length = (header.msg_controllen as usize).min(CONTROL_BYTES);
    Ok(extended_error(&control.0[..length]).and_then(|extended| to_icmp(&name, extended)))
}

/// Finds the `sock_extended_err` among the control messages.
fn extended_error(mut control: &[u8]) -> Option<&[u8; EXTENDED_ERROR_BYTES]> {
    // The data of a control message begins, and the next message begins, at a multiple of the word size.
    const WORD: usize = size_of::<usize>();
    const HEADER: usize = size_of::<libc::cmsghdr>().next_multiple_of(WORD);
    while control.len() >= HEADER {
        // SAFETY: at least `size_of::<cmsghdr>()` bytes are there, any bytes are a valid `cmsghdr`, and the read does
        // not need alignment.
        let header = unsafe { control.as_ptr().cast::<libc::cmsghdr>().read_unaligned() };
        #[allow(clippy::unnecessary_cast, reason = "the C libraries do not agree on its type")]
        let length = (header.cmsg_len as usize).clamp(HEADER, control.len());
        let is_error = matches!(
            (header.cmsg_level, header.cmsg_type),
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR)
        );
        if is_error {
            return control[HEADER..length].first_chunk();
        }
        control = &control[length.next_multiple_of(WORD).min(control.len())..];
    }
    None
}

/// `ee_errno: u32, ee_origin: u8, ee_type: u8, ee_code: u8, ee_pad: u8, ee_info: u32, ee_data: u32`
fn to_icmp(name: &[u8], extended: &[u8; EXTENDED_ERROR_BYTES]) -> Option<IcmpError> {
    const ICMP_UNREACHABLE: u8 = 3;
    const ICMP_FRAGMENTATION_NEEDED: u8 = 4;
    const ICMP6_TOO_BIG: u8 = 2;
    let [_, _, _, _, origin, icmp_type, code, _, info @ .., _, _, _, _] = *extended;
    let too_big = match origin {
        libc::SO_EE_ORIGIN_ICMP => (icmp_type, code) == (ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED),
        libc::SO_EE_ORIGIN_ICMP6 => icmp_type == ICMP6_TOO_BIG,
        _ => return None,
    };
    let data = if too_big { u32::from_ne_bytes(info) } else { 0 };
    Some(IcmpError { peer: decode(name)?, icmp_type, code, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
        // SAFETY: all zeroes is a valid `cmsghdr`.
        let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
        header.cmsg_len = (size_of::<libc::cmsghdr>() + data.len()) as _;
        header.cmsg_level = level;
        header.cmsg_type = kind;
        let mut bytes = vec![0; size_of::<libc::cmsghdr>()];
        // SAFETY: `bytes` has exactly the size of the header, and the write does not need alignment.
        unsafe { bytes.as_mut_ptr().cast::<libc::cmsghdr>().write_unaligned(header) };
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    #[test]
    fn the_error_is_found_behind_other_messages() {
        let wanted: [u8; 16] = *b"0123456789abcdef";
        let mut control = message(libc::SOL_SOCKET, 29, &[1; 5]);
        control.extend(message(libc::SOL_IPV6, libc::IPV6_RECVERR, &wanted));
        assert_eq!(extended_error(&control), Some(&wanted));
        for length in 0..control.len() {
            assert!(length >= 56 || extended_error(&control[..length]).is_none(), "cut to {length}");
        }
        assert_eq!(extended_error(&message(libc::SOL_IP, libc::IP_TTL, &wanted)), None);
        assert_eq!(extended_error(&[0; CONTROL_BYTES]), None, "a length of zero does not loop");
    }

    #[test]
    fn the_mtu_is_kept_for_too_big_only() {
        let mut raw = super::super::address::RawAddress::EMPTY;
        let peer = "192.0.2.1:9".parse().unwrap();
        raw.set(peer);
        // SAFETY: `as_ptr` points to at least `len` bytes of the address.
        let name = unsafe { std::slice::from_raw_parts(raw.as_ptr().cast::<u8>(), raw.len() as usize) };
        let mut extended = [0; 16];
        extended[4..7].copy_from_slice(&[libc::SO_EE_ORIGIN_ICMP, 3, 4]);
        extended[8..12].copy_from_slice(&1_280_u32.to_ne_bytes());
        assert_eq!(to_icmp(name, &extended), Some(IcmpError { peer, icmp_type: 3, code: 4, data: 1_280 }));
        extended[6] = 3;
        assert_eq!(to_icmp(name, &extended), Some(IcmpError { peer, icmp_type: 3, code: 3, data: 0 }));
        extended[4] = 1;
        assert_eq!(to_icmp(name, &extended), None, "our own host's refusal");
    }
}
