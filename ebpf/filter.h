/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What rules of --include and --exclude say of a TCP or UDP socket. Programs ask it of sockets that end, and
 * sweeps of the others.
 */
#ifndef KF_FILTER_H
#define KF_FILTER_H

#include "record.h"

#define KF_AF_INET 2

/* What the values of one key say together. */
#define KF_VERDICT_WANTED 1 /* there are some of --include */
#define KF_VERDICT_MATCHED 2 /* and one of them matches */
#define KF_VERDICT_EXCLUDED 4

static inline __attribute__((always_inline)) __u32 kf_verdict__of(__u32 how, int matches)
{
	if (how & KF_RULE_INCLUDE)
		return KF_VERDICT_WANTED | (matches ? KF_VERDICT_MATCHED : 0);
	return (how & KF_RULE_EXCLUDE) && matches ? KF_VERDICT_EXCLUDED : 0;
}

static inline __attribute__((always_inline)) int kf_verdict__hides(__u32 verdict)
{
	return (verdict & KF_VERDICT_EXCLUDED) ||
	       (verdict & (KF_VERDICT_WANTED | KF_VERDICT_MATCHED)) == KF_VERDICT_WANTED;
}

/* Whether all is known of a socket that rules ask for: it is no sum of many, and has both ends. */
static inline __attribute__((always_inline)) int kf_filter_sock__is_sure(const struct kf_sock *sock)
{
	const __u64 *remote = (const __u64 *)sock->remote_addr;

	return !(sock->flags & KF_SOCK_FOLDED) && sock->family && sock->local_port &&
	       sock->remote_port && (remote[0] | remote[1]);
}

/* Of which kind of networks its remote address is. */
static inline __attribute__((always_inline)) __u32 kf_filter_sock__ipv(const struct kf_sock *sock)
{
	return sock->family == KF_AF_INET ? KF_RULE_IPV4 : KF_RULE_IPV6;
}

/* Whether rules hide a socket with these ports and this remote address, as two words. ipv: KF_RULE_IPV4 or
 * KF_RULE_IPV6. */
static inline __attribute__((always_inline)) int
kf_filter_sock__hides(const volatile struct kf_filter *filter, __u32 local, __u32 remote,
		      __u64 first, __u64 second, __u32 ipv)
{
	__u32 ports = 0, nets = 0;

	for (__u32 i = 0; i < KF_FILTER_MOST; i++) {
		__u32 low = filter->ports_low[i], high = filter->ports_high[i];

		ports |= kf_verdict__of(filter->ports_how[i],
					(low <= local && local <= high) ||
						(low <= remote && remote <= high));
	}
	for (__u32 i = 0; i < KF_FILTER_MOST; i++) {
		__u32 how = filter->nets_how[i];
		__u64 differ = (first ^ filter->nets[2 * i]) & filter->net_masks[2 * i];

		differ |= (second ^ filter->nets[2 * i + 1]) & filter->net_masks[2 * i + 1];
		nets |= kf_verdict__of(how, (how & ipv) && !differ);
	}
	return kf_verdict__hides(ports) || kf_verdict__hides(nets);
}

#endif
