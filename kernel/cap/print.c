#include <tyrne/capability.h>

#include <tyrne/print.h>

/* Arrays, not pointers to strings: the table needs no relocation. */
static const char kind_names[CAP_KIND_COUNT][14] = {
    "none", "task", "endpoint", "notification", "memory-region", "address-space", "debug-console",
};

static const char right_names[8][14] = {
    "duplicate", "derive", "revoke", "transfer", "send", "recv", "notify", "console-write",
};

void cap_print(struct capability cap)
{
    bool first = true;

    kprintf("%s[", cap.kind < CAP_KIND_COUNT ? kind_names[cap.kind] : "unknown");
    for (unsigned i = 0; i < 8; i++) {
        if ((cap.rights & (1U << i)) != 0) {
            kprintf("%s%s", first ? "" : " ", right_names[i]);
            first = false;
        }
    }
    kprintf("]");
}
