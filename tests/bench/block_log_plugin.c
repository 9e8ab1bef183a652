/*
 * For comparison only: the usual way to coverage, a plugin that logs each executed block. A
 * callback appends the block's address and size to a buffer that goes to a file when it is full.
 *
 *   -plugin libblocklog.so,out=FILE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_api.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = RIG_PLUGIN_API;

struct record {
    uint64_t vaddr;
    uint64_t insns;
};

static FILE *out;

static void on_block(unsigned int vcpu, void *data)
{
    (void)vcpu;
    fwrite_unlocked(data, sizeof(struct record), 1, out);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    struct record *record = malloc(sizeof *record);
    if (record != NULL) {
        record->vaddr = qemu_plugin_tb_vaddr(tb);
        record->insns = qemu_plugin_tb_n_insns(tb);
        qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, record);
    }
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fflush(out);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv);

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0) {
        fprintf(stderr, "blocklog: out=FILE\n");
        return -1;
    }
    out = fopen(argv[0] + 4, "we");
    if (out == NULL) {
        perror("blocklog");
        return -1;
    }
    setvbuf(out, NULL, _IOFBF, 1 << 20);
    qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}
