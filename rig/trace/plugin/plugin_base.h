/*
 * What every plugin of the rig stands on: arguments, the checks of the QEMU it is loaded into, the
 * trace file, and the ends of a run.
 *
 * A plugin defines `qemu_plugin_install`, calls plugin_start there with its hooks, and registers
 * its translation callback when that succeeded. Every message begins with the plugin's name.
 */
#ifndef RIG_PLUGIN_BASE_H
#define RIG_PLUGIN_BASE_H

#include "qemu_api.h"
#include "trace_writer.h"

struct plugin_option {
    const char *name;
    const char *value; /* filled in; NULL when it was not given */
};

struct plugin_hooks {
    const char *name;
    enum trace_kind kind;
    struct plugin_option *options; /* further options of the plugin; ends with a NULL name */
    const char *known;             /* these options for the message, as ", ram=ADDR"; may be NULL */
    uint64_t limit;                /* when no limit= is given; 0: TRACE_LIMIT_DEFAULT */
    void (*at_exit)(void);         /* QEMU ends: everything into the file now; may be NULL */
    void (*at_flush)(void);        /* QEMU throws all translated blocks away; may be NULL */
};

struct plugin {
    qemu_plugin_id_t id;
    struct trace_writer *writer;
    unsigned int cpus; /* the most that the machine may have; at least 1 */
    uint64_t limit;    /* of the trace file, in bytes */
    uint32_t api;      /* the version QEMU runs with */
};

/*
 * Check the QEMU, read the arguments `out=FILE`, `image=HEX`, `limit=BYTES` and the plugin's own,
 * create the file and arm the hooks. 0, or -1 after a message on standard error: then install
 * fails.
 */
int plugin_start(struct plugin *plugin, const struct plugin_hooks *hooks, qemu_plugin_id_t id,
                 const qemu_info_t *info, int argc, char **argv);

/* One line on standard error, behind the plugin's name. */
void plugin_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The value when the argument is `name=VALUE`, else NULL. */
const char *plugin_value(const char *argument, const char *name);

/*
 * A file of `size` zero bytes, mapped: what is written there can be read while QEMU runs, and after
 * it was killed. NULL after a message, which names the plugin.
 */
void *plugin_note(const char *name, const char *path, size_t size);

/* The instruction's bytes as a number; 0 when it does not have four (AArch32). */
uint32_t plugin_opcode(const struct plugin *plugin, const struct qemu_plugin_insn *insn);

#endif
