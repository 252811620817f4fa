// SPDX-License-Identifier: Apache-2.0
/*
 * Takes out of the maps what no event will end: idle and aged aggregates, those of processes that
 * have exited or of programs that they ran before, and those that ended while the ring was full. Each
 * leaves in the form of its ring record, so that the stages after the drain, and recordings, know one
 * form only.
 *
 * A live TCP connection stays in its map (its counters are absolute); a copy is written, and the
 * time of that copy is kept here by cookie so that an unchanged connection is not written again.
 */
#include <errno.h>
#include <linux/in.h>
#include <stdlib.h>
#include <string.h>

#include "glue.h"
#include "share.h"

#define KF_BATCH 256 /* entries fetched by one call: values of 256 x 800 bytes at most */
#define KF_SETTLE_NS 200000000ULL
#define KF_AIO_NS 600000000000ULL /* a request of AIO whose end was not seen by then was skipped */
#define KF_NAMED_NS 1000000000ULL /* a file that nobody holds open waits for more */
/* ENDED is said by the record itself. */
#define KF_FLAGS_OUT (~(KF_SOCK_MAP_ONLY | KF_SOCK_ENDED))
#define KF_OUT_BYTES (256 * 1024) /* first size of the output; a final sweep may need megabytes */

/* The longest value of a table. */
#define KF_VALUE_MAX                                                                   \
	(sizeof(struct kf_fold) > sizeof(struct kf_kept_name) ? sizeof(struct kf_fold) \
							      : sizeof(struct kf_kept_name))

struct kf_keys {
	struct kf_sock_key *list;
	size_t used, room;
};

struct kf_sweep {
	const struct kf_sweep_config *given;
	struct kf_sweep_config config; /* of this run */
	struct kf_exited *exited;
	__u64 now_ns;
	int final;
	size_t owner_size;
	int no_take; /* the kernel has no look-up-and-delete for hashes (before 5.14) */
	struct kf_kept_name kept; /* of the aggregate that is being taken */
	__u32 rounds; /* sweeps so far */
	struct kf_swept swept;
	__u64 left_hidden; /* connections that the last sweep leaves in their table */
	char *out;
	size_t used, room;
	struct kf_share_count *shares; /* NULL: no such map */
	struct kf_front *front; /* NULL: no such map */
	struct kf_gone gone; /* who is followed no longer, soon */
	struct kf_exports exports; /* when copies of live TCP entries were written */
	struct kf_keys due; /* TCP entries to copy once their counters are up to date */
	unsigned char keys[KF_BATCH * sizeof(struct kf_user_key)];
	unsigned char values[KF_BATCH * KF_VALUE_MAX];
};

_Static_assert(sizeof(struct kf_user_key) >= sizeof(struct kf_udp_key) &&
		       sizeof(struct kf_user_key) >= sizeof(struct kf_file_key) &&
		       sizeof(struct kf_file_key) >= sizeof(struct kf_unix_key) &&
		       sizeof(struct kf_file_key) >= sizeof(struct kf_fold_key) &&
		       KF_VALUE_MAX >= sizeof(struct kf_file_agg) &&
		       KF_VALUE_MAX >= sizeof(struct kf_aio) &&
		       sizeof(struct kf_fold) >= sizeof(struct kf_unix_fold),
	       "the batch buffers hold the longest key and value");

struct kf_table {
	int fd;
	size_t key_size, value_size;
	int (*visit)(struct kf_sweep *sweep, const void *key, const void *value);
};

/* ---- output ---- */

/* Room for a record at the end of the output, zeroed, or NULL. It counts only once committed. */
static void *out__reserve(struct kf_sweep *sweep, size_t size)
{
	size_t need = sweep->used + kf_align8(size);

	if (kf_grow((void **)&sweep->out, &sweep->room, need, 1))
		return NULL;
	return memset(sweep->out + sweep->used, 0, kf_align8(size));
}

static void out__commit(struct kf_sweep *sweep, struct kf_header *hdr, enum kf_kind kind,
			size_t size)
{
	hdr->kind = kind;
	hdr->version = KF_VERSION;
	hdr->size = size;
	hdr->ts_ns = sweep->now_ns;
	sweep->used += kf_align8(size);
}

/* ---- decisions ---- */

static int sweep__idle(const struct kf_sweep *sweep, __u64 last_ns)
{
	return sweep->now_ns > last_ns && sweep->now_ns - last_ns > sweep->config.idle_ns;
}

static int sweep__expired(const struct kf_sweep *sweep, __u64 since_ns, __u64 last_ns)
{
	if (sweep->final || sweep__idle(sweep, last_ns))
		return 1;
	return sweep->now_ns > since_ns && sweep->now_ns - since_ns > sweep->config.active_ns;
}

/* 0: taken into value; -ENOENT: a program was faster and has written the record itself. */
static int sweep__take(struct kf_sweep *sweep, int fd, const void *key, void *value)
{
	int err;

	if (fd == sweep->config.udp_fd && kf_front__has(sweep->front, *(const __u64 *)key))
		return kf_front__take(sweep->front, *(const __u64 *)key, value);
	if (!sweep->no_take) {
		err = bpf_map_lookup_and_delete_elem(fd, key, value);
		if (!err || errno == ENOENT)
			return err ? -ENOENT : 0;
		sweep->no_take = 1;
	}
	if (bpf_map_lookup_elem(fd, key, value) || bpf_map_delete_elem(fd, key))
		return errno == ENOENT ? -ENOENT : -errno;
	return 0;
}

/* Flags of a socket's record that tell why it leaves: by FINAL, as the hooks write it when they end the
 * socket themselves, or by STALE. Asked of what was taken: an event may have come since the look-up. */
static __u32 sock_flags(const struct kf_sweep *sweep, __u32 flags, __u64 last_ns, int closed)
{
	__u32 why = KF_SOCK_STALE;

	if (closed || flags & KF_SOCK_ENDED)
		why = KF_SOCK_FINAL;
	else if (sweep__idle(sweep, last_ns))
		why |= KF_SOCK_IDLE;
	return (flags & KF_FLAGS_OUT) | why;
}

static __u32 file_events(const struct kf_file_agg *agg)
{
	__u32 sum = 0;
	int i;

	for (i = 0; i < KF_FILE_EVENTS; i++)
		sum += agg->counts[i];
	return sum;
}

/* Whether all was done by names: nothing will be closed, so the record is complete. */
static int file_by_name(const struct kf_file_agg *agg)
{
	return agg->named == file_events(agg);
}

static int sweep__exited(const struct kf_sweep *sweep, __u32 tgid, __u64 start_ns)
{
	return kf_exited__has_exit(sweep->exited, tgid, start_ns, sweep->now_ns);
}

static int sweep__file_due(const struct kf_sweep *sweep, const struct kf_file_key *key,
			   const struct kf_file_agg *agg)
{
	if (agg->flags & KF_AGG_ENDED || sweep__expired(sweep, agg->first_ns, agg->last_ns) ||
	    sweep__exited(sweep, key->tgid, key->start_ns))
		return 1;
	return file_by_name(agg) && sweep->now_ns > agg->first_ns + KF_NAMED_NS;
}

/* A file that stays, against whom the programs have counted it. */
static int sweep__keep_file(struct kf_sweep *sweep, const struct kf_file_key *key,
			    const struct kf_file_agg *agg)
{
	struct kf_charge charge;

	kf_share_place__set(&charge, key->tgid, agg->share_uid, sweep->config.salt);
	kf_share_count__entry(sweep->shares, KF_SHARE_FILES, &charge);
	return 0;
}

/* Joins an aggregate with the name that the ring has refused. Returns the size of the record. */
static size_t sweep__join_name(struct kf_sweep *sweep, struct kf_file_record *rec)
{
	struct kf_kept_name *kept = &sweep->kept;
	char *tail = (char *)(rec + 1);

	if (!(rec->agg.flags & KF_AGG_PATH_KEPT) ||
	    sweep__take(sweep, sweep->config.names_fd, &rec->key, kept))
		return sizeof(*rec);
	rec->agg.flags &= ~KF_AGG_PATH_KEPT;
	if (kept->path_len > sizeof(kept->path) || kept->origin_len > sizeof(kept->origin))
		return sizeof(*rec);
	rec->agg.flags |= kept->flags;
	rec->mount = kept->mount;
	rec->below = kept->below;
	rec->path_len = kept->path_len;
	rec->origin_len = kept->origin_len;
	memcpy(tail, kept->path, kept->path_len);
	memcpy(tail + kept->path_len, kept->origin, kept->origin_len);
	return sizeof(*rec) + kept->path_len + kept->origin_len;
}

static int sweep__file(struct kf_sweep *sweep, const void *at, const void *value)
{
	const struct kf_file_key *key = at;
	const struct kf_file_agg *agg = value;
	enum kf_image image = kf_exited__image(sweep->exited, key, sweep->now_ns);
	struct kf_file_record *rec;
	size_t size;
	int err;

	if (!agg->last_ns)
		return 0; /* it is being made */
	if (image != KF_IMAGE_GONE && !sweep__file_due(sweep, key, agg))
		return sweep__keep_file(sweep, key, agg);
	rec = out__reserve(sweep, sizeof(*rec) + sizeof(sweep->kept));
	if (!rec)
		return -ENOMEM;
	err = sweep__take(sweep, sweep->config.files_fd, key, &rec->agg);
	if (err)
		return err == -ENOENT ? 0 : err;
	if (rec->agg.flags & KF_AGG_HIDDEN) {
		sweep->swept.hidden += file_events(&rec->agg);
		return 0;
	}
	if (!file_events(&rec->agg) && !(rec->agg.first_ns && rec->agg.flags & KF_AGG_MAPPED))
		return 0; /* -e has sent them */
	rec->key = *key;
	size = sweep__join_name(sweep, rec);
	if (rec->agg.flags & KF_AGG_ENDED)
		rec->agg.flags &= ~KF_AGG_ENDED; /* that the sweep took it does not matter */
	else if (image == KF_IMAGE_RUNS && !file_by_name(&rec->agg))
		rec->agg.flags |= KF_AGG_STALE; /* else its end was an exec */
	out__commit(sweep, &rec->hdr, KF_KIND_FILE, size);
	return 0;
}

/* A name that was kept while its aggregate was taken: nobody else would ever remove it. */
static int sweep__name(struct kf_sweep *sweep, const void *key, const void *value)
{
	struct kf_file_agg agg;

	(void)value;
	if (bpf_map_lookup_elem(sweep->config.files_fd, key, &agg) && errno == ENOENT)
		bpf_map_delete_elem(sweep->config.names_fd, key);
	return 0;
}

/* ---- requests of AIO ---- */

/* The kernel can skip the program that sees the end of one. Whose it was has its room again then. */
static int sweep__aio(struct kf_sweep *sweep, const void *key, const void *value)
{
	const struct kf_aio *aio = value;

	if (!aio->since_ns || sweep->now_ns < aio->since_ns + KF_AIO_NS)
		return 0; /* it is being made, or on its way */
	if (bpf_map_delete_elem(sweep->config.aios_fd, key) == 0) {
		kf_share_count__give_aio(sweep->shares, &aio->charge);
		sweep->swept.given_up++;
	}
	return 0;
}

/* ---- users of sockets ---- */

/* What is followed, or hidden, no longer. */
static int sweep__followed(struct kf_sweep *sweep, const void *key, const void *value)
{
	const __u32 *tgid = key;
	const __u64 *start_ns = value;

	if (sweep__exited(sweep, *tgid, *start_ns))
		kf_gone__add(&sweep->gone, *tgid, *start_ns, sweep->now_ns);
	return 0;
}

#define KF_USERS_SIZE (KF_USERS * sizeof(struct kf_user))
/* Users of a socket whose entry went while they began to use it are looked for once in so many sweeps. */
#define KF_USERS_ROUNDS 16

/* Users of a socket, behind its record. stay: the socket goes on. Returns their size. */
static size_t sweep__users(struct kf_sweep *sweep, struct kf_user *out, struct kf_user_key *key,
			   int stay)
{
	const int fd = sweep->config.users_fd;
	struct kf_used used;
	size_t n = 0;
	int err;

	for (key->place = 0; key->place < KF_USERS; key->place++) {
		err = stay ? bpf_map_lookup_elem(fd, key, &used)
			   : sweep__take(sweep, fd, key, &used);
		if (err)
			break;
		out[n++] = used.user;
	}
	return n * sizeof(*out);
}

/* Where a user's socket is. */
static int sweep__table_of(const struct kf_sweep *sweep, const struct kf_user_key *key)
{
	switch (key->table) {
	case KF_SHARE_TCP:
		return sweep->config.tcp_fd;
	case KF_SHARE_UDP:
		return sweep->config.udp_fd;
	default:
		return sweep->config.unix_fd;
	}
}

static int sweep__user(struct kf_sweep *sweep, const void *at, const void *value)
{
	const struct kf_user_key *key = at;
	const struct kf_used *used = value;
	unsigned char sock[sizeof(struct kf_peer) + sizeof(struct kf_unix)];

	if (sweep->rounds % KF_USERS_ROUNDS == 0 &&
	    !(key->table == KF_SHARE_UDP && kf_front__has(sweep->front, key->socket[0])) &&
	    bpf_map_lookup_elem(sweep__table_of(sweep, key), key->socket, sock) &&
	    errno == ENOENT && bpf_map_delete_elem(sweep->config.users_fd, key) == 0)
		return 0;
	kf_share_count__entry(sweep->shares, KF_SHARE_USED, &used->charge);
	return 0;
}

/* ---- sockets ---- */

static int sweep__unix(struct kf_sweep *sweep, const void *at, const void *value)
{
	const struct kf_unix_key *key = at;
	const struct kf_unix *sock = value;
	struct kf_unix_record *rec;
	struct kf_user_key user;
	size_t users = 0;
	int err;

	if (!sock->last_ns)
		return 0; /* it is being made */
	if (!(sock->flags & KF_SOCK_ENDED) &&
	    !sweep__expired(sweep, sock->first_ns, sock->last_ns) &&
	    !sweep__exited(sweep, sock->proc.tgid, sock->proc.start_ns)) {
		kf_share_count__entry(sweep->shares, KF_SHARE_UNIX, &sock->charge);
		return 0;
	}
	rec = out__reserve(sweep, sizeof(*rec) + KF_USERS_SIZE);
	if (!rec)
		return -ENOMEM;
	err = sweep__take(sweep, sweep->config.unix_fd, key, &rec->unix_sock);
	if (err)
		return err == -ENOENT ? 0 : err;
	rec->key = *key;
	rec->unix_sock.flags = sock_flags(sweep, rec->unix_sock.flags, rec->unix_sock.last_ns, 0);
	if (rec->unix_sock.usage.users) {
		user = kf_entry__unix_user(key);
		users = sweep__users(sweep, (struct kf_user *)(rec + 1), &user, 0);
	}
	out__commit(sweep, &rec->hdr, KF_KIND_UNIX, sizeof(*rec) + users);
	return 0;
}

/* Ends the record of a socket with its users. number: its key in its table. */
static void sweep__sock_commit(struct kf_sweep *sweep, struct kf_sock_record *rec,
			       enum kf_share_table table, __u64 number, int stay)
{
	struct kf_user_key user;
	size_t users = 0;

	if (rec->sock.usage.users) {
		user = kf_entry__socket_user(table, number);
		users = sweep__users(sweep, (struct kf_user *)(rec + 1), &user, stay);
	}
	out__commit(sweep, &rec->hdr, KF_KIND_SOCK, sizeof(*rec) + users);
}

/* A socket that rules hide leaves its table as others do, without a record. */
static void sweep__sock_hide(struct kf_sweep *sweep, struct kf_sock_record *rec,
			     enum kf_share_table table, __u64 number)
{
	struct kf_user_key user = kf_entry__socket_user(table, number);

	if (rec->sock.usage.users)
		sweep__users(sweep, (struct kf_user *)(rec + 1), &user, 0);
	sweep->swept.sockets++;
}

static int sweep__sock_out(struct kf_sweep *sweep, enum kf_share_table table, __u64 number,
			   int closed)
{
	struct kf_sock_record *rec = out__reserve(sweep, sizeof(*rec) + KF_USERS_SIZE);
	int fd = table == KF_SHARE_TCP ? sweep->config.tcp_fd : sweep->config.udp_fd;
	struct kf_peer taken = { .key = { .cookie = number } }; /* of TCP that is all of it */
	int err;

	if (!rec)
		return -ENOMEM;
	err = sweep__take(sweep, fd, &number, &taken);
	if (err)
		return err == -ENOENT ? 0 : err;
	rec->key = taken.key;
	rec->sock = taken.sock;
	if (kf_entry__is_hidden(&sweep->config, &rec->sock)) {
		sweep__sock_hide(sweep, rec, table, number);
		return 0;
	}
	rec->sock.flags = sock_flags(sweep, rec->sock.flags, rec->sock.last_ns, closed);
	sweep__sock_commit(sweep, rec, table, number, 0);
	return 0;
}

/* Live TCP: due when something happened since the last copy and it is time for another. */
static int sweep__tcp(struct kf_sweep *sweep, const struct kf_sock_key *key,
		      const struct kf_sock *sock)
{
	__u64 exported = kf_exports__find(&sweep->exports, key->cookie);
	__u64 since = exported ? exported : sock->first_ns;

	if (sock->last_ns <= exported || !sweep__expired(sweep, since, sock->last_ns))
		return exported ? kf_exports__add(&sweep->exports, key->cookie, exported) : 0;
	if (kf_grow((void **)&sweep->due.list, &sweep->due.room, sweep->due.used + 1,
		    sizeof(*sweep->due.list)))
		return -ENOMEM;
	sweep->due.list[sweep->due.used++] = *key;
	return 0;
}

/* A connection that is reset goes to CLOSE first and sends the RST then, and what it has received may be
 * read long after that; the hook at the socket's end writes the record. Only what that hook leaves behind is
 * the sweep's, and what nobody has closed for the idle time. */
static int sweep__settled(const struct kf_sweep *sweep, const struct kf_sock *sock)
{
	__u64 wait = sock->flags & KF_SOCK_COUNTED ? sweep->config.idle_ns : KF_SETTLE_NS;

	return sweep->final ||
	       (sweep->now_ns > sock->last_ns && sweep->now_ns - sock->last_ns > wait);
}

static int sweep__connection(struct kf_sweep *sweep, const void *at, const void *value)
{
	const struct kf_sock_key key = { .cookie = ((const struct kf_tcp_key *)at)->cookie };
	const struct kf_sock *sock = value;

	if (sock->flags & KF_SOCK_ENDED && sweep__settled(sweep, sock))
		return sweep__sock_out(sweep, KF_SHARE_TCP, key.cookie, 1);
	kf_share_count__entry(sweep->shares, KF_SHARE_TCP, &sock->charge);
	if (sock->flags & KF_SOCK_ENDED)
		return 0;
	if (!kf_entry__is_hidden(&sweep->config, sock))
		return sweep__tcp(sweep, &key, sock);
	sweep->left_hidden += sweep->final; /* it counts once, at its end or that of the run */
	return 0;
}

static int sweep__peer(struct kf_sweep *sweep, const void *at, const void *value)
{
	const struct kf_peer *peer = value;
	const struct kf_sock *sock = &peer->sock;
	int closed = kf_exited__has_closed(sweep->exited, peer->key.cookie);

	if (!sock->last_ns || !peer->key.cookie)
		return 0; /* it is being made */
	if (sock->flags & KF_SOCK_ENDED && sweep__settled(sweep, sock))
		closed = 1;
	if (closed || (!(sock->flags & KF_SOCK_ENDED) &&
		       sweep__expired(sweep, sock->first_ns, sock->last_ns)))
		return sweep__sock_out(sweep, KF_SHARE_UDP, ((const struct kf_udp_key *)at)->number,
				       closed);
	kf_share_count__entry(sweep->shares, KF_SHARE_UDP, &sock->charge);
	kf_share_count__peer(sweep->shares, sock->share_socket);
	return 0;
}

/* A fold leaves as others do, and with its process or socket; later members begin another. */
static int sweep__fold_due(const struct kf_sweep *sweep, const struct kf_fold_key *key,
			   __u64 first_ns, __u64 last_ns)
{
	if (key->scope == KF_SCOPE_SOCKET && kf_exited__has_closed(sweep->exited, key->id))
		return 1;
	if (key->scope == KF_SCOPE_PROCESS && sweep__exited(sweep, key->of, key->id))
		return 1;
	return sweep__expired(sweep, first_ns, last_ns);
}

static int sweep__fold(struct kf_sweep *sweep, const void *at, const void *value)
{
	const struct kf_fold_key *key = at;
	const struct kf_fold *fold = value;
	struct kf_fold taken;
	struct kf_sock_record *rec;
	int closed, err;

	if (!fold->sock.last_ns)
		return 0; /* it is being made */
	if (!sweep__fold_due(sweep, key, fold->sock.first_ns, fold->sock.last_ns)) {
		kf_share_count__entry(sweep->shares, KF_SHARE_FOLDS, &fold->sock.charge);
		return 0;
	}
	rec = out__reserve(sweep, sizeof(*rec));
	if (!rec)
		return -ENOMEM;
	err = sweep__take(sweep, sweep->config.folds_fd, key, &taken);
	if (err)
		return err == -ENOENT ? 0 : err;
	closed = key->scope == KF_SCOPE_SOCKET && kf_exited__has_closed(sweep->exited, key->id);
	rec->sock = taken.sock;
	rec->sock.folded = kf_entry__members(taken.members);
	rec->sock.flags = sock_flags(sweep, taken.sock.flags, taken.sock.last_ns, closed);
	rec->key.cookie = key->id;
	rec->key.scope = key->scope;
	out__commit(sweep, &rec->hdr, KF_KIND_SOCK, sizeof(*rec));
	return 0;
}

static int sweep__unix_fold(struct kf_sweep *sweep, const void *at, const void *value)
{
	const struct kf_fold_key *key = at;
	const struct kf_unix_fold *fold = value;
	struct kf_unix_fold taken;
	struct kf_unix_record *rec;
	int err;

	if (!fold->unix_sock.last_ns)
		return 0; /* it is being made */
	if (!sweep__fold_due(sweep, key, fold->unix_sock.first_ns, fold->unix_sock.last_ns)) {
		kf_share_count__entry(sweep->shares, KF_SHARE_UNIX_FOLDS, &fold->unix_sock.charge);
		return 0;
	}
	rec = out__reserve(sweep, sizeof(*rec));
	if (!rec)
		return -ENOMEM;
	err = sweep__take(sweep, sweep->config.unix_folds_fd, key, &taken);
	if (err)
		return err == -ENOENT ? 0 : err;
	rec->unix_sock = taken.unix_sock;
	rec->unix_sock.folded = kf_entry__members(taken.members);
	rec->unix_sock.flags = sock_flags(sweep, taken.unix_sock.flags, taken.unix_sock.last_ns, 0);
	rec->key.ino = key->id;
	out__commit(sweep, &rec->hdr, KF_KIND_UNIX, sizeof(*rec));
	return 0;
}

/* Owners end with their sockets, in a program. Here they are counted only; see struct kf_owner. */
static int sweep__owner(struct kf_sweep *sweep, const void *at, const void *value)
{
	(void)at;
	kf_share_count__entry(sweep->shares, KF_SHARE_OWNERS, value);
	return 0;
}

static int sweep__spilled(struct kf_sweep *sweep, const void *at, const void *value)
{
	(void)at;
	kf_share_count__entry(sweep->shares, KF_SHARE_SPILL, value);
	return 0;
}

/* Copies of due TCP entries. Those that ended meanwhile have written their own record. */
static int sweep__tcp_copies(struct kf_sweep *sweep)
{
	struct kf_sock_record *rec;
	size_t i;

	if (sweep->due.used && sweep->config.tcp_iter_fd >= 0) {
		int err = kf_iter__run(sweep->config.tcp_iter_fd);

		if (err)
			return err;
	}
	for (i = 0; i < sweep->due.used; i++) {
		rec = out__reserve(sweep, sizeof(*rec) + KF_USERS_SIZE);
		if (!rec)
			return -ENOMEM;
		rec->key = sweep->due.list[i];
		if (bpf_map_lookup_elem(sweep->config.tcp_fd, &rec->key, &rec->sock))
			continue;
		if (kf_exports__add(&sweep->exports, rec->key.cookie, sweep->now_ns))
			return -ENOMEM;
		rec->sock.flags = sock_flags(sweep, rec->sock.flags, rec->sock.last_ns, 0);
		sweep__sock_commit(sweep, rec, KF_SHARE_TCP, rec->key.cookie, 1);
	}
	return 0;
}

/* ---- walks ---- */

/* One key after the other, where the kernel has no batches. The next key is fetched before the
 * visit may delete this one; if a program deletes it the walk begins anew, hence the bound. */
static int sweep__walk(struct kf_sweep *sweep, const struct kf_table *table)
{
	unsigned char *key = sweep->keys, *next = sweep->keys + table->key_size;
	int left = 1 << 18, more, err;

	more = bpf_map_get_next_key(table->fd, NULL, key) == 0;
	while (more && left-- > 0) {
		more = bpf_map_get_next_key(table->fd, key, next) == 0;
		if (bpf_map_lookup_elem(table->fd, key, sweep->values) == 0) {
			err = table->visit(sweep, key, sweep->values);
			if (err)
				return err;
		}
		memcpy(key, next, table->key_size);
	}
	return 0;
}

static int sweep__visit(struct kf_sweep *sweep, const struct kf_table *table, __u32 count)
{
	__u32 i;
	int err;

	for (i = 0; i < count; i++) {
		err = table->visit(sweep, sweep->keys + i * table->key_size,
				   sweep->values + i * table->value_size);
		if (err)
			return err;
	}
	return 0;
}

static int sweep__table(struct kf_sweep *sweep, const struct kf_table *table)
{
	__u32 position = 0, count;
	int first = 1, got, err;

	if (table->fd < 0)
		return 0;
	do {
		count = KF_BATCH;
		got = bpf_map_lookup_batch(table->fd, first ? NULL : &position, &position,
					   sweep->keys, sweep->values, &count, NULL);
		if (got && errno != ENOENT)
			return first ? sweep__walk(sweep, table) : -errno;
		err = sweep__visit(sweep, table, count);
		if (err)
			return err;
		first = 0;
	} while (!got);
	return 0;
}

/* UDP peers that are in no hash. */
static int sweep__fronts(struct kf_sweep *sweep)
{
	struct kf_peer peer;
	__u64 number;
	__u32 place;
	int err = 0;

	for (place = 0; sweep->front && place < KF_FRONT_PLACES && !err; place++) {
		number = kf_front__peer(sweep->front, place, &peer);
		if (number)
			err = sweep__peer(sweep, &number, &peer);
	}
	return err;
}

static int sweep__tables(struct kf_sweep *sweep)
{
	const struct kf_sweep_config *config = &sweep->config;
	const size_t owner = sweep->owner_size;
	const struct kf_table tables[] = {
		{ config->files_fd, sizeof(struct kf_file_key), sizeof(struct kf_file_agg),
		  sweep__file },
		{ config->names_fd, sizeof(struct kf_file_key), sizeof(struct kf_kept_name),
		  sweep__name },
		{ config->aios_fd, sizeof(__u64), sizeof(struct kf_aio), sweep__aio },
		{ config->followed_fd, sizeof(__u32), sizeof(__u64), sweep__followed },
		{ config->hidden_fd, sizeof(__u32), 2 * sizeof(__u64), sweep__followed },
		{ config->tcp_fd, sizeof(struct kf_tcp_key), sizeof(struct kf_sock),
		  sweep__connection },
		{ config->udp_fd, sizeof(struct kf_udp_key), sizeof(struct kf_peer), sweep__peer },
		{ config->folds_fd, sizeof(struct kf_fold_key), sizeof(struct kf_fold),
		  sweep__fold },
		{ config->unix_fd, sizeof(struct kf_unix_key), sizeof(struct kf_unix),
		  sweep__unix },
		{ config->unix_folds_fd, sizeof(struct kf_fold_key), sizeof(struct kf_unix_fold),
		  sweep__unix_fold },
		{ config->users_fd, sizeof(struct kf_user_key), sizeof(struct kf_used),
		  sweep__user },
		{ owner ? config->owners_fd : -1, sizeof(__u64), owner, sweep__owner },
		{ owner ? config->spill_fd : -1, sizeof(__u64), owner, sweep__spilled },
	};
	size_t i;
	int err;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		err = sweep__table(sweep, &tables[i]);
		if (err)
			return err;
	}
	err = sweep__fronts(sweep);
	return err ? err : sweep__tcp_copies(sweep);
}

/* Bytes of an owner, which is no struct of the contract; 0: not to be counted. */
static size_t owner__size(const struct kf_sweep_config *config)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (config->owners_fd < 0 || config->shares_fd < 0 ||
	    bpf_obj_get_info_by_fd(config->owners_fd, &info, &size))
		return 0;
	return info.value_size <= sizeof(struct kf_fold) ? info.value_size : 0;
}

/* ---- interface ---- */

struct kf_sweep *kf_sweep__new(const struct kf_sweep_config *config, struct kf_exited *exited)
{
	struct kf_sweep *sweep = calloc(1, sizeof(*sweep));
	int err;

	if (!sweep)
		return NULL;
	sweep->given = config;
	sweep->exited = exited;
	sweep->owner_size = owner__size(config);
	if (config->shares_fd >= 0)
		sweep->shares = kf_share_count__new(config->shares_fd);
	if (config->front_fd >= 0)
		sweep->front = kf_front__map(config->front_fd);
	if ((config->shares_fd >= 0 && !sweep->shares) ||
	    (config->front_fd >= 0 && !sweep->front)) {
		err = errno;
		kf_sweep__free(sweep);
		errno = err;
		return NULL;
	}
	return sweep;
}

void kf_sweep__free(struct kf_sweep *sweep)
{
	if (!sweep)
		return;
	free(sweep->out);
	kf_exports__free(&sweep->exports);
	kf_gone__free(&sweep->gone);
	kf_share_count__free(sweep->shares);
	kf_front__unmap(sweep->front);
	free(sweep->due.list);
	free(sweep);
}

static void sweep__begin(struct kf_sweep *sweep, __u64 now_ns, int final)
{
	if (sweep->room > 4 * KF_OUT_BYTES) { /* once a burst is over, give its memory back */
		free(sweep->out);
		sweep->out = NULL;
		sweep->room = 0;
	}
	sweep->config = *sweep->given;
	sweep->used = 0;
	sweep->now_ns = now_ns;
	sweep->final = final;
	sweep->due.used = 0;
	sweep->left_hidden = 0;
	sweep->rounds++;
	kf_exited__sort(sweep->exited);
	kf_share_count__begin(sweep->shares);
}

long kf_sweep__run(struct kf_sweep *sweep, __u64 now_ns, int final)
{
	struct kf_header *tick;
	int err;

	sweep__begin(sweep, now_ns, final);
	err = sweep__tables(sweep);
	kf_gone__take(&sweep->gone, sweep->config.followed_fd, sweep->config.hidden_fd, now_ns);
	kf_exports__end(&sweep->exports, !err);
	if (!err) {
		kf_exited__clear(sweep->exited, now_ns);
		kf_share_count__end(sweep->shares);
	}
	tick = out__reserve(sweep, sizeof(*tick));
	if (tick)
		out__commit(sweep, tick, KF_KIND_TICK, sizeof(*tick));
	/* What was taken out of the maps must not be lost to an error that came later. */
	return sweep->used > kf_align8(sizeof(*tick)) || !err ? (long)sweep->used : err;
}

const char *kf_sweep__data(const struct kf_sweep *sweep)
{
	return sweep->out;
}

struct kf_swept kf_sweep__swept(const struct kf_sweep *sweep)
{
	struct kf_swept swept = sweep->swept;

	swept.sockets += sweep->left_hidden;
	return swept;
}
