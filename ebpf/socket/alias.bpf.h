/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a socket goes by: its cookie, which the kernel makes when it is first asked for. From 5.12 on
 * a tracing program can ask. Before, the cgroup programs have asked for each socket that was created
 * or connected since the start, but one from before may have no cookie until its first packet. The
 * iterator that finds it assigns it an alias then, which stands for its cookie until its end, also when
 * it has got a cookie meanwhile.
 */
#ifndef KF_SOCKET_ALIAS_BPF_H
#define KF_SOCKET_ALIAS_BPF_H

#include "compat.bpf.h"

/* By the address of struct sock. As many as kf_owners, where they are needed; else the loader leaves
 * one. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, u64);
	__type(value, u64);
} kf_aliases SEC(".maps");

#define KF_ALIAS (1ULL << 63) /* no cookie is so high */

/* What a socket with this cookie, 0 if it has none, goes by. */
static __always_inline u64 kf_alias__of(u64 cookie, const void *sk)
{
	u64 address, *alias;

	if (kf_nargs_bpf_get_socket_ptr_cookie)
		return cookie;
	address = kf_number(sk);
	alias = bpf_map_lookup_elem(&kf_aliases, &address);
	return alias ? *alias : cookie;
}

/* The same for a socket that an iterator finds: an alias is assigned if it goes by nothing yet. */
static __always_inline u64 kf_alias__assign(u64 cookie, const void *sk)
{
	u64 alias = kf_alias__of(cookie, sk);
	u64 address;

	if (alias || kf_nargs_bpf_get_socket_ptr_cookie)
		return alias;
	address = kf_number(sk);
	alias = KF_ALIAS | bpf_ktime_get_boot_ns();
	return bpf_map_update_elem(&kf_aliases, &address, &alias, BPF_NOEXIST) ? 0 : alias;
}

/* The socket is closed: its address may be that of another soon. */
static __always_inline void kf_alias__forget(const void *sk)
{
	u64 address;

	if (kf_nargs_bpf_get_socket_ptr_cookie)
		return;
	address = kf_number(sk);
	bpf_map_delete_elem(&kf_aliases, &address);
}

/* What a socket goes by, off a typed pointer. */
static __always_inline u64 kf_alias__cookie(struct sock *sk)
{
	if (kf_nargs_bpf_get_socket_ptr_cookie)
		return bpf_get_socket_cookie(sk);
	return kf_alias__of(KF_READ(sk, __sk_common.skc_cookie.counter), sk);
}

#endif
