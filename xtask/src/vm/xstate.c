/*
 * Loaded into user-mode Linux ahead of libc: lets it run on processors whose state has grown since.
 *
 * Its kernel 6.1 keeps 2,696 octets of a process's extended registers (XSAVE), all there was up to AVX-512 and
 * protection keys. A processor with AMX has more, and the host takes the whole state of a traced process or none:
 * PTRACE_SETREGSET with a shorter one fails, and so does the machine, with "ptrace set fp regs failed, errno = 14".
 * Here a shorter state is made as long as the host's own before it goes there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Where the header's XSTATE_BV stands, which says what parts there are (Intel SDM volume 1, section 13.4.2). */
enum { XSTATE_BV = 512 };

/* The parts that lie in what user-mode Linux keeps: x87 to PKRU. Whatever else there is stays at its initial value. */
static const uint64_t KEPT = 0x3ff;

static char state[1 << 16] __attribute__((aligned(64)));

/* How long the host's state is; it is the same for all processes. */
static size_t length_of_state(pid_t pid, long (*call)(int, ...))
{
	static size_t length;
	struct iovec all = { state, sizeof state };
	if (length == 0 && call(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &all) == 0)
		length = all.iov_len;
	return length;
}

long ptrace(enum __ptrace_request request, ...)
{
	static long (*call)(int, ...);
	struct iovec *given, whole = { state, 0 };
	uint64_t parts;
	va_list rest;

	va_start(rest, request);
	pid_t pid = va_arg(rest, pid_t);
	void *address = va_arg(rest, void *);
	void *data = va_arg(rest, void *);
	va_end(rest);

	if (call == NULL)
		*(void **)&call = dlsym(RTLD_NEXT, "ptrace");
	if (request != PTRACE_SETREGSET || address != (void *)NT_X86_XSTATE)
		return call(request, pid, address, data);
	given = data;
	whole.iov_len = length_of_state(pid, call);
	if (given->iov_len >= whole.iov_len || given->iov_len < XSTATE_BV + sizeof parts)
		return call(request, pid, address, data);
	memset(state, 0, sizeof state);
	memcpy(state, given->iov_base, given->iov_len);
	memcpy(&parts, state + XSTATE_BV, sizeof parts);
	parts &= KEPT;
	memcpy(state + XSTATE_BV, &parts, sizeof parts);
	return call(request, pid, address, &whole);
}
