// SPDX-License-Identifier: Apache-2.0
/*
 * Reads of user memory under lockdown=confidentiality. The kernel refuses bpf_probe_read_kernel there
 * and allows bpf_probe_read_user; libbpf takes the refusal for an old kernel and turns each of the
 * four helpers into the one of before 5.5, which reads both and is refused too. Programs of the section
 * tp_btf_user are typed tracepoints that read no kernel memory by helpers: in them the old helper is
 * turned back into the one for user memory. No other program may have it, it would read nothing.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "glue.h"

#define KF_SECTION "tp_btf_user/"

static int reads__user_helper(const struct bpf_insn *insn)
{
	if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg)
		return 0;
	if (insn->imm == BPF_FUNC_probe_read)
		return BPF_FUNC_probe_read_user;
	return insn->imm == BPF_FUNC_probe_read_str ? BPF_FUNC_probe_read_user_str : 0;
}

static int reads__restore(struct bpf_program *prog)
{
	size_t count = bpf_program__insn_cnt(prog);
	struct bpf_insn *insns = calloc(count, sizeof(*insns));
	int helper, err;

	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(prog), count * sizeof(*insns));
	for (size_t i = 0; i < count; i++) {
		helper = reads__user_helper(&insns[i]);
		if (helper)
			insns[i].imm = helper;
	}
	err = bpf_program__set_insns(prog, insns, count);
	free(insns);
	return err;
}

/* Takes the place of what libbpf does for tp_btf: finds the tracepoint. */
static int reads__prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const char *name = bpf_program__section_name(prog) + strlen(KF_SECTION);
	int id = libbpf_find_vmlinux_btf_id(name, BPF_TRACE_RAW_TP);

	if (id < 0)
		return id;
	opts->attach_btf_id = id;
	return reads__restore(prog);
}

static int reads__attach(const struct bpf_program *prog, long cookie, struct bpf_link **link)
{
	*link = bpf_program__attach_trace(prog);
	return *link ? 0 : -errno;
}

int kf_reads__register(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = reads__prepare,
		    .prog_attach_fn = reads__attach);
	static int handler;

	if (handler <= 0)
		handler = libbpf_register_prog_handler(KF_SECTION, BPF_PROG_TYPE_TRACING,
						       BPF_TRACE_RAW_TP, &opts);
	return handler < 0 ? handler : 0;
}
