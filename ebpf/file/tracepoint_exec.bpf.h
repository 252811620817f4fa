/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What exec has opened, as the tracepoint mode sees it when exec has succeeded: the program is in its
 * hands; a script, of which the program is the interpreter, has been put away already and lies in the
 * list of the task's work; the loader is what is mapped where the task will begin.
 */
#ifndef KF_FILE_TRACEPOINT_EXEC_BPF_H
#define KF_FILE_TRACEPOINT_EXEC_BPF_H

#include "file/tracepoint_close.bpf.h"

__noinline int kf_exec__opened(u64 file)
{
	if (file)
		kf_file__event((struct file *)file, KF_FILE_OPEN_EXEC);
	return 0;
}

static __always_inline struct dentry *kf_exec__dentry(struct file *file)
{
	return KF_READ(kf_file__user_path(file), dentry);
}

/* A mapping of a file on overlayfs has the file in a layer: told is what the process knows it as. */
__noinline int kf_exec__opened_below(u64 address)
{
	struct path *path = kf_file__user_path((struct file *)address);
	struct dentry *dentry = KF_READ(path, dentry);
	struct inode *inode = KF_READ(dentry, d_inode);
	struct kf_flush flush = { .event = KF_FILE_OPEN_EXEC };
	struct kf_subject subject;

	__builtin_memset(&subject, 0, sizeof(subject));
	flush.before = &subject.inode;
	subject.at.dentry = dentry;
	subject.at.mnt = kf_mount__of(KF_READ(path, mnt));
	subject.at.flags = KF_WALK_OPEN;
	if (inode && kf_identity__take(&subject.key, &subject.inode, inode, dentry))
		kf_file__fold(&subject, &flush);
	return 0;
}

/* The script; binfmt_misc may hand it to its interpreter as a descriptor. Of a script whose
 * interpreter is a script the first one: what exec has opened before, for the program that ran until
 * now, lies in the same list. */
static __always_inline struct file *kf_exec__script(struct linux_binprm *bprm)
{
	struct file *script = KF_READ(bprm, executable);

	if (script || KF_READ(bprm, interp) == KF_READ(bprm, filename))
		return script;
	return kf_close__works(0);
}

static __always_inline void kf_exec__loaded(struct task_struct *task, struct file *program)
{
	struct file *file = NULL;

	if (kf_mapped__begin(task, program, &file))
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
	if (!file || file == program)
		return;
	if (!(KF_READ(file, f_mode) & KF_FMODE_BELOW))
		kf_exec__opened((u64)file);
	else if (kf_exec__dentry(file) != KF_READ(program, f_path.dentry))
		kf_exec__opened_below((u64)file);
}

static __always_inline void kf_exec__done(struct task_struct *task, struct linux_binprm *bprm)
{
	struct file *program = KF_READ(bprm, file);

	kf_exec__opened((u64)kf_exec__script(bprm));
	kf_exec__opened((u64)program);
	kf_exec__loaded(task, program);
}

#endif
