/*
 * The parts of a rule pack that the fault gate reads: `faults`, and `image.alias` to fold
 * addresses. Other keys belong to the rig's other engines and are left alone.
 *
 *     faults:
 *       allow:
 *         - {id: svc, class: SVC, from: EL0, count: 2, why: "two tasks say hello"}
 *         - {id: off, class: [HVC, SMC], psci: SYSTEM_OFF, count: 1, why: "the guest powers off"}
 *       deny: all-others
 *       messages:
 *         - {id: uart, match: "pl011_*: not enabled*", max: 3, why: "the firmware prints early"}
 *
 * An allow rule without `count`, `min` or `max` means "at least once"; `max` alone keeps that lower
 * bound (write `min: 0` for something that may be absent). A message rule tolerates: its lower
 * bound is 0 unless it is given. `match` is an fnmatch(3) pattern for the printable form of the
 * whole line (its first MAX_MESSAGE bytes).
 *
 * The log does not hold x0. A rule with `psci` therefore matches any call that QEMU answered as
 * PSCI; SYSTEM_OFF and SYSTEM_RESET also require that it is the last event of the log, for QEMU
 * never returns from those. Calls to the other functions cannot be told apart: together they fill
 * the rules that match them, in pack order.
 */
#ifndef RIG_GATE_PACK_H
#define RIG_GATE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "messages.h"

enum { MAX_FAULT_RULES = 256, MAX_ALIASES = 16, PACK_ERROR_TEXT = 512, ANY = -1 };

enum psci_rule {
    PSCI_NOT_ASKED, /* the rule is about the class, answered as PSCI or not */
    PSCI_CALL,      /* any PSCI call but the one that ends the log, if a rule asks for that one */
    PSCI_LAST,      /* SYSTEM_OFF, SYSTEM_RESET: the call that ends the log */
};

struct budget {
    uint64_t min;
    uint64_t max; /* UINT64_MAX: no upper bound */
};

struct fault_rule {
    char *id;
    char *why;
    unsigned line;    /* in the pack */
    uint32_t classes; /* set of 1 << enum fault_class */
    int from_el;      /* or ANY */
    int to_el;
    int ec;
    int fsc;
    enum psci_rule psci;
    char *psci_name; /* as written, or NULL */
    char *at;        /* symbol, or NULL */
    uint64_t at_low; /* range of the symbol, set by whoever knows the image */
    uint64_t at_high;
    struct budget budget;
    bool active; /* for the variant being judged */
};

struct message_rule {
    char *id;
    char *why;
    unsigned line;
    char *match;
    size_t literal; /* bytes of `match` before its first special character */
    struct budget budget;
    bool active;
};

struct alias {
    uint64_t from;
    uint64_t size;
    uint64_t by;
};

struct pack {
    char *guest; /* or NULL */
    struct fault_rule faults[MAX_FAULT_RULES];
    size_t fault_count;
    struct message_rule messages[MAX_MESSAGE_RULES];
    size_t message_count;
    struct alias aliases[MAX_ALIASES];
    size_t alias_count;
    bool variants_used; /* some rule is for named variants only */
    bool variant_named; /* some rule names the variant asked for */
};

/*
 * Parse a pack. `name` is for messages, `variant` is NULL or the variant being judged. False when
 * the pack is wrong: `error` says file, line, key and what to do. Ends with pack_free() either way.
 */
bool pack_parse(struct pack *pack, const char *name, const char *text, size_t length,
                const char *variant, char error[static PACK_ERROR_TEXT]);

/* The same from a file. */
bool pack_load(struct pack *pack, const char *path, const char *variant,
               char error[static PACK_ERROR_TEXT]);

void pack_free(struct pack *pack);

/* The link address of an address that the image may run at. */
uint64_t pack_fold(const struct pack *pack, uint64_t address);

/* A matcher over the active message rules of the pack, for a message table. */
struct message_matcher pack_message_matcher(const struct pack *pack);

#endif
