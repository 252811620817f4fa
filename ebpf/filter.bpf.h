/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What --include and --exclude hide, as far as that can be said for sure where an aggregate begins or its
 * path is read. User space decides all of it again: here is what need not get there.
 */
#ifndef KF_FILTER_BPF_H
#define KF_FILTER_BPF_H

#include "compat.bpf.h"
#include "config.bpf.h"
#include "filter.h"
#include "maps.bpf.h"
#include "string.bpf.h"
#include "task.bpf.h"

const volatile struct kf_filter kf_filter = {};
/* Which kinds of rules there are; the verifier drops the code for the others. */
const volatile u8 kf_filters_path = 0;
const volatile u8 kf_filters_exe = 0;
const volatile u8 kf_filters_user = 0;
const volatile u8 kf_filters_fstype = 0;
const volatile u8 kf_filters_group = 0;

/* Of a path that does not say for sure where it is. */
#define KF_PATH_UNSURE                                                                           \
	(KF_AGG_PATH_TRUNCATED | KF_AGG_PATH_NO_MOUNT | KF_AGG_PATH_TEXT | KF_AGG_PATH_GUESSED | \
	 KF_AGG_PATH_UNREACHABLE)

/* Images whose executable a rule hides, by process. They stay for a while behind its end, when its files are
 * closed; what finds no room here user space hides. */
struct kf_hidden {
	u64 start_ns;
	u32 execs;
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* the loader makes it larger */
	__type(key, u32);
	__type(value, struct kf_hidden);
} kf_hidden SEC(".maps");

/* Control groups of cgroup2 that rules hide, by number, from user space: it has their paths, of which there can
 * be any number, and the names of containers. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* the loader makes it larger */
	__type(key, u64);
	__type(value, u8);
} kf_hidden_groups SEC(".maps");

#ifdef KF_CAST
/* Which bits of the text at an address differ from a pattern. */
static __always_inline u64 kf_pattern__differ(u32 which, u32 length, u64 at)
{
	const u64 *words = kf_string__words((void *)at);
	u64 differ = 0;

#pragma clang loop unroll(full)
	for (u32 i = 0; i < KF_PATTERN_WORDS; i++)
		differ |= (words[i] ^ kf_filter.text[which * KF_PATTERN_WORDS + i]) &
			  kf_filter.mask[which * KF_PATTERN_WORDS + i];
	return differ;
}
#else
/* Word by word: the stack is short. No more than the text is read, behind which there may be no memory. */
static __always_inline u64 kf_pattern__differ(u32 which, u32 length, u64 at)
{
	u64 word, differ = 0;
	u32 left;

#pragma clang loop unroll(full)
	for (u32 i = 0; i < KF_PATTERN_WORDS; i++) {
		if (8 * i >= length)
			break;
		left = length - 8 * i;
		if (left > sizeof(word))
			left = sizeof(word);
		word = 0;
		if (bpf_probe_read_kernel(&word, left, (void *)(at + 8 * i)))
			return 1;
		differ |= word ^ kf_filter.text[which * KF_PATTERN_WORDS + i];
	}
	return differ;
}
#endif

static __always_inline u8 kf_byte(u64 at)
{
#ifdef KF_CAST
	return *(const u8 *)kf_string__words((void *)at);
#else
	u8 byte = 1;

	bpf_probe_read_kernel(&byte, 1, (void *)at);
	return byte;
#endif
}

/* Whether `used` bytes of components, leaf first, match a pattern: begin with its name, or end with its
 * directories. */
static __always_inline bool kf_pattern__matches(u64 components, u32 used, u32 which)
{
	u32 length = kf_filter.lengths[which];

	if (length > 8 * KF_PATTERN_WORDS || length > used)
		return 0;
	if (!(kf_filter.patterns_how[which] & KF_RULE_NAME)) {
		components += used - length;
		if (used > length && kf_byte(components - 1))
			return 0;
	}
	return kf_pattern__differ(which, length, components) == 0;
}

/* Whether rules on one thing, KF_RULE_PATH or KF_RULE_EXE, hide these components. A global function: the
 * verifier looks at it once; and a single one, as it lets only eight call each other. */
__noinline int kf_filter__hides(u64 components, u32 used, u32 of)
{
	u32 verdict = 0;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < KF_FILTER_MOST; i++) {
		u32 how = kf_filter.patterns_how[i];

		if (how & of)
			verdict |= kf_verdict__of(how, kf_pattern__matches(components, used, i));
	}
	return kf_verdict__hides(verdict);
}

static __always_inline bool kf_filter__hides_path(const void *components, u32 used, u32 flags)
{
	return kf_filters_path && !(flags & KF_PATH_UNSURE) &&
	       kf_filter__hides(kf_number(components), used, KF_RULE_PATH);
}

/* Whether rules on users hide what the current thread does. */
__noinline int kf_filter__hides_user(u32 uid)
{
	u32 verdict = 0;

	for (u32 i = 0; i < KF_FILTER_MOST; i++)
		verdict |= kf_verdict__of(kf_filter.users_how[i], kf_filter.users[i] == uid);
	return kf_verdict__hides(verdict);
}

/* Whether rules on types of file systems hide the one with this name, as two words. */
__noinline int kf_filter__hides_fstype(u64 first, u64 second)
{
	u32 verdict = 0;

	for (u32 i = 0; i < KF_FILTER_MOST; i++)
		verdict |= kf_verdict__of(kf_filter.fstypes_how[i],
					  kf_filter.fstypes[2 * i] == first &&
						  kf_filter.fstypes[2 * i + 1] == second);
	return kf_verdict__hides(verdict);
}

static __always_inline bool kf_filter__hides_dentry(struct dentry *dentry)
{
	u64 name[2] = {};

	if (!dentry)
		return 0;
	kf_string__copy((char *)name, KF_UNTYPED(dentry, d_sb, s_type, name), sizeof(name));
	return name[0] && kf_filter__hides_fstype(name[0], name[1]);
}

/* Whether a rule hides the executable of an image. */
static __always_inline bool kf_hidden__has(const struct kf_file_key *key)
{
	u32 tgid = key->tgid;
	struct kf_hidden *hidden = bpf_map_lookup_elem(&kf_hidden, &tgid);

	return hidden && hidden->start_ns == key->start_ns && hidden->execs == key->execs;
}

static __always_inline bool kf_filter__hides_group(void)
{
	u64 group = bpf_get_current_cgroup_id();

	return bpf_map_lookup_elem(&kf_hidden_groups, &group);
}

/* Whether a file that nobody has an aggregate of yet is hidden whatever its path is. Apart, for the stack of
 * who asks. */
static __noinline int kf_filter__ask_new(const struct kf_file_key *key, struct dentry *dentry)
{
	if (kf_filters_exe && kf_hidden__has(key))
		return 1;
	if (kf_filters_user && kf_filter__hides_user(kf_current__uid()))
		return 1;
	if (kf_filters_group && kf_filter__hides_group())
		return 1;
	return kf_filters_fstype && kf_filter__hides_dentry(dentry);
}

static __always_inline bool kf_filter__hides_new(const struct kf_file_key *key,
						 struct dentry *dentry)
{
	return (kf_filters_exe || kf_filters_user || kf_filters_group || kf_filters_fstype) &&
	       kf_filter__ask_new(key, dentry);
}

/* A process runs another program, of which rules say whether they hide it. */
static __always_inline void kf_hidden__note(const struct kf_proc *proc, const void *components,
					    u32 used, u32 flags)
{
	struct kf_hidden hidden = { .start_ns = proc->start_ns, .execs = proc->execs };
	u32 tgid = proc->tgid;

	if (!kf_filters_exe)
		return;
	if (!(flags & KF_PATH_UNSURE) && used &&
	    kf_filter__hides(kf_number(components), used, KF_RULE_EXE))
		bpf_map_update_elem(&kf_hidden, &tgid, &hidden, BPF_ANY);
	else
		bpf_map_delete_elem(&kf_hidden, &tgid);
}

/* A child runs what its parent does. */
static __always_inline void kf_hidden__fork(u32 parent, const struct kf_proc *proc)
{
	struct kf_hidden hidden = { .start_ns = proc->start_ns, .execs = proc->execs }, *of;
	u32 tgid = proc->tgid;

	if (!kf_filters_exe)
		return;
	of = bpf_map_lookup_elem(&kf_hidden, &parent);
	if (of && of->start_ns == kf_current__start() && of->execs == proc->execs)
		bpf_map_update_elem(&kf_hidden, &tgid, &hidden, BPF_ANY);
}

#endif
