// SPDX-License-Identifier: Apache-2.0
/* What an entry of a table of sockets says by itself: which keys its users have, what it stands for, whether
 * rules hide it. */
#include <linux/types.h>
#include <string.h>

#include "filter.h"
#include "glue.h"
#include "share.h"

struct kf_user_key kf_entry__socket_user(__u32 table, __u64 number)
{
	struct kf_user_key user = { .socket = { number }, .table = table };

	return user;
}

struct kf_user_key kf_entry__unix_user(const struct kf_unix_key *key)
{
	struct kf_user_key user = { .table = KF_SHARE_UNIX };

	memcpy(user.socket, key, sizeof(*key));
	return user;
}

__u32 kf_entry__members(const __u64 *members)
{
	__u32 count = 0;
	int i;

	for (i = 0; i < KF_FOLD_WORDS; i++)
		count += __builtin_popcountll(members[i]);
	return count;
}

int kf_entry__is_hidden(const struct kf_sweep_config *config, const struct kf_sock *sock)
{
	__u64 remote[2];

	if (!config->filters_sockets || !kf_filter_sock__is_sure(sock))
		return 0;
	memcpy(remote, sock->remote_addr, sizeof(remote));
	return kf_filter_sock__hides(&config->filter, sock->local_port, sock->remote_port,
				     remote[0], remote[1], kf_filter_sock__ipv(sock));
}
