// SPDX-License-Identifier: Apache-2.0
/*
 * libbpf's messages. They name the program that failed to load and carry the verifier's reasons, so
 * the newest are kept; printing them would bury the one line that tells the user what to do.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glue.h"

/* Enough for the last lines of a verifier log and what libbpf says around it. */
#define KF_LOG_BYTES (32 * 1024)

/* libbpf's `stderr`, see _build.py. */
__attribute__((visibility("hidden"))) FILE *kf_stderr;

static struct {
	char text[KF_LOG_BYTES];
	size_t used;
	int verbose;
} kf_log;

static void log__append(const char *text, size_t len)
{
	if (len > KF_LOG_BYTES / 2) { /* of a long one the end says what was wrong */
		text += len - KF_LOG_BYTES / 2;
		len = KF_LOG_BYTES / 2;
	}
	if (kf_log.used + len > KF_LOG_BYTES) {
		size_t drop = kf_log.used + len - KF_LOG_BYTES;

		memmove(kf_log.text, kf_log.text + drop, kf_log.used - drop);
		kf_log.used -= drop;
	}
	memcpy(kf_log.text + kf_log.used, text, len);
	kf_log.used += len;
}

static int log__print(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text = NULL;
	int len;

	if (level != LIBBPF_WARN && kf_log.verbose < 2)
		return 0;
	len = vasprintf(&text, format, args);
	if (len < 0)
		return 0;
	if (level == LIBBPF_WARN)
		log__append(text, len);
	if (kf_log.verbose)
		fwrite(text, 1, len, stderr);
	free(text);
	return 0;
}

/* When the extension is loaded: no message is printed that nobody asked for. */
__attribute__((constructor)) static void log__install(void)
{
	kf_stderr = stderr;
	libbpf_set_print(log__print);
}

void kf_log__set_verbose(int verbose)
{
	kf_log.verbose = verbose;
}

long kf_log__take(char *text, long size)
{
	size_t len = kf_log.used;

	if (size <= 0)
		return 0;
	if (len > (size_t)size)
		len = size;
	memcpy(text, kf_log.text + kf_log.used - len, len);
	kf_log.used = 0;
	return len;
}
