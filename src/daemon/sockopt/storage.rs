//! Addresses as the kernel's options take them.

use std::net::IpAddr;

use linux_raw_sys::net::{
    __kernel_sockaddr_storage, __kernel_sockaddr_storage__bindgen_ty_1,
    __kernel_sockaddr_storage__bindgen_ty_1__bindgen_ty_1,
};

/// Where the address stands behind the family: behind the port, and in IPv6 behind the flow label, too.
const V4_OFFSET: usize = 2;
const V6_OFFSET: usize = 6;

/// An address without a port, of its own family.
pub(super) fn storage(address: IpAddr) -> __kernel_sockaddr_storage {
    let mut data = [0; 126];
    let (family, offset, octets) = match address {
        IpAddr::V4(v4) => (libc::AF_INET, V4_OFFSET, &v4.octets()[..]),
        IpAddr::V6(v6) => (libc::AF_INET6, V6_OFFSET, &v6.octets()[..]),
    };
    for (to, from) in data.iter_mut().skip(offset).zip(octets) {
        *to = *from as _;
    }
    let plain =
        __kernel_sockaddr_storage__bindgen_ty_1__bindgen_ty_1 { ss_family: family as u16, __data: data };
    __kernel_sockaddr_storage {
        __bindgen_anon_1: __kernel_sockaddr_storage__bindgen_ty_1 { __bindgen_anon_1: plain },
    }
}
