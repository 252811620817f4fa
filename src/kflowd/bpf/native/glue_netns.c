// SPDX-License-Identifier: Apache-2.0
/* Python has setns from 3.12 on only. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>

#include "glue.h"

int kf_netns__enter(int fd)
{
	return setns(fd, CLONE_NEWNET) ? -errno : 0;
}
