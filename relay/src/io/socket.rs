//! Opens sockets the way the drivers need them, and asks the kernel what it dropped.

use std::{
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
    os::fd::{AsRawFd, RawFd},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted. The kernel lowers it to `net.core.somaxconn`.
const TCP_BACKLOG: i32 = 1_024;

/// How a datagram socket is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpOptions {
    /// Lets several workers bind the same address; the kernel spreads 5-tuples over them.
    pub reuse_port: bool,
    /// Bytes of the receive queue; 0 leaves the system's default. The kernel doubles it for its own accounting.
    pub receive_buffer: usize,
    /// Bytes of the send queue; 0 leaves the system's default.
    pub send_buffer: usize,
    /// Reports ICMP errors. Meant for relayed sockets. On a listening socket one client's unreachable port would make
    /// receives and sends for the others fail in passing, so leave it off there.
    pub icmp_errors: bool,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self { reuse_port: false, receive_buffer: 0, send_buffer: 0, icmp_errors: true }
    }
}

/// Binds a non-blocking datagram socket that is closed on exec. An IPv6 socket takes IPv6 only, so that an IPv4 peer
/// has one form of address.
///
/// # Errors
/// When the address is taken or not ours, or descriptors are used up. A buffer that the kernel does not grant in full
/// is not an error: it gives what it allows.
pub fn bind_udp(address: SocketAddr, options: UdpOptions) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if options.receive_buffer > 0 {
        set_buffer(&socket, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, options.receive_buffer)?;
    }
    if options.send_buffer > 0 {
        set_buffer(&socket, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, options.send_buffer)?;
    }
    if options.icmp_errors {
        let (level, name) = match address {
            SocketAddr::V4(_) => (libc::SOL_IP, libc::IP_RECVERR),
            SocketAddr::V6(_) => (libc::SOL_IPV6, libc::IPV6_RECVERR),
        };
        set_option(socket.as_raw_fd(), level, name, 1)?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Binds a non-blocking TCP listener that is closed on exec, and listens.
///
/// # Errors
/// When the address is taken or not ours, or descriptors are used up.
pub fn bind_tcp_listener(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the connections of the process before it to time out.
    socket.set_reuse_address(true)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(TCP_BACKLOG)?;
    Ok(socket.into())
}

/// Datagrams that the kernel dropped because the socket's receive queue was full, since the socket was opened.
///
/// # Errors
/// When `fd` is not a socket.
pub fn receive_queue_drops(fd: RawFd) -> io::Result<u32> {
    let mut info = [0_u32; 16];
    let mut length = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into `info`, whose size that is; both outlive the call.
    let result =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, info.as_mut_ptr().cast(), &raw mut length) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(info[libc::SK_MEMINFO_DROPS as usize])
}

/// Raises the number of descriptors that this process may have open as far as we may: every allocation needs one.
/// Returns the limit that holds now.
///
/// # Errors
/// When the kernel does not tell the limit or refuses to raise it.
pub fn raise_open_file_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit`, which outlives the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel reads one `rlimit`, which outlives the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}

/// Sets a buffer's size past the system's limit if we may, otherwise up to it.
fn set_buffer(socket: &Socket, forced: i32, plain: i32, bytes: usize) -> io::Result<()> {
    let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
    set_option(socket.as_raw_fd(), libc::SOL_SOCKET, forced, bytes)
        .or_else(|_| set_option(socket.as_raw_fd(), libc::SOL_SOCKET, plain, bytes))
}

fn set_option(fd: RawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the kernel reads `size_of::<i32>()` bytes from `value`, which outlives the call.
    let result =
        unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), size_of::<i32>() as libc::socklen_t) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflowing_queue_counts_its_drops() {
        let options = UdpOptions { receive_buffer: 4_096, ..UdpOptions::default() };
        let receiver = bind_udp("127.0.0.1:0".parse().unwrap(), options).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(receive_queue_drops(receiver.as_raw_fd()).unwrap(), 0);
        for _ in 0..200 {
            sender.send_to(&[0; 500], receiver.local_addr().unwrap()).unwrap();
        }
        let mut kept = 0;
        while receiver.recv(&mut [0; 500]).is_ok() {
            kept += 1;
        }
        assert!(kept < 200, "the queue was smaller than what was sent");
        assert_eq!(receive_queue_drops(receiver.as_raw_fd()).unwrap(), 200 - kept);
    }

    #[test]
    fn one_port_serves_both_families_and_several_workers() {
        let options = UdpOptions { reuse_port: true, icmp_errors: false, ..UdpOptions::default() };
        let first = bind_udp("0.0.0.0:0".parse().unwrap(), options).unwrap();
        let port = first.local_addr().unwrap().port();
        bind_udp(SocketAddr::new("::".parse().unwrap(), port), options).unwrap();
        bind_udp(SocketAddr::new("0.0.0.0".parse().unwrap(), port), options).unwrap();
        let alone = UdpOptions { reuse_port: false, ..options };
        let error = bind_udp(SocketAddr::new("0.0.0.0".parse().unwrap(), port), alone).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let listener = bind_tcp_listener("127.0.0.1:0".parse().unwrap(), true).unwrap();
        bind_tcp_listener(listener.local_addr().unwrap(), true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn drops_of_what_is_not_a_socket_are_an_error() {
        assert!(receive_queue_drops(-1).is_err());
    }
}
