/* Texts of the commands over event traces: disassembly, registers, aliases, waivers, sites. */
#include <stdlib.h>
#include <string.h>

#include "aliases.h"
#include "disassembly.h"
#include "phrase.h"
#include "register_words.h"
#include "site_counts.h"
#include "trace_build.h"
#include "waivers.h"

static void an_instruction_as_text(void **state)
{
    (void)state;
    struct disassembler disassembler;
    char text[DISASSEMBLY_TEXT];
    assert_true(disassembler_open(&disassembler));
    assert_string_equal(disassembly_text(&disassembler, 0, OP_MSR(A64_TTBR0_EL1, 3), text),
                        "msr ttbr0_el1, x3");
    assert_string_equal(disassembly_text(&disassembler, 0, OP_ISB, text), "isb");
    assert_string_equal(disassembly_text(&disassembler, 0, OP_TLBI_VMALLE1, text), "tlbi vmalle1");
    assert_string_equal(disassembly_text(&disassembler, 0, 0xffffffff, text), ".inst 0xffffffff");
    disassembler_close(&disassembler);
}

/* Opcodes of [0x1000, 0x1010): NOPs; nothing elsewhere. */
static bool four_nops(const void *context, uint64_t pc, uint32_t *opcode)
{
    (void)context;
    *opcode = OP_NOP;
    return pc >= 0x1000 && pc < 0x1010;
}

static bool nops(const void *context, uint64_t pc, uint32_t *opcode)
{
    (void)context;
    (void)pc;
    *opcode = OP_NOP;
    return true;
}

static void an_excerpt_marks_its_pc(void **state)
{
    (void)state;
    struct disassembler disassembler;
    struct excerpt excerpt;
    assert_true(disassembler_open(&disassembler));
    excerpt_make(&excerpt, &disassembler, nops, NULL, 0x2000);
    assert_int_equal(excerpt.count, EXCERPT_LINES);
    assert_string_equal(excerpt.lines[0], "   0x0000000000001ff0  nop");
    assert_string_equal(excerpt.lines[EXCERPT_AROUND], "=> 0x0000000000002000  nop");
    assert_string_equal(excerpt.lines[EXCERPT_LINES - 1], "   0x0000000000002010  nop");
    disassembler_close(&disassembler);
}

static void an_excerpt_leaves_out_what_is_not_known(void **state)
{
    (void)state;
    struct disassembler disassembler;
    struct excerpt excerpt;
    assert_true(disassembler_open(&disassembler));
    excerpt_make(&excerpt, &disassembler, four_nops, NULL, 0x1004);
    assert_int_equal(excerpt.count, 4);
    assert_string_equal(excerpt.lines[1], "=> 0x0000000000001004  nop");
    excerpt_make(&excerpt, &disassembler, nops, NULL, 4);
    assert_int_equal(excerpt.count, 1 + 1 + EXCERPT_AROUND); /* nothing below address 0 */
    excerpt_make(&excerpt, &disassembler, nops, NULL, UINT64_MAX - 3);
    assert_int_equal(excerpt.count, EXCERPT_AROUND + 1);
    disassembler_close(&disassembler);
}

static void registers_by_name(void **state)
{
    (void)state;
    char name[REGISTER_NAME];
    assert_string_equal(register_name(A64_TTBR1_EL1, name), "TTBR1_EL1");
    assert_string_equal(register_name(A64_VBAR_EL12, name), "VBAR_EL12");
    assert_string_equal(register_name(A64_SYS(3, 3, 14, 2, 1), name), "S3_3_C14_C2_1");
}

static void registers_in_words(void **state)
{
    (void)state;
    char words[REGISTER_WORDS];
    assert_string_equal(register_words(A64_SCTLR_EL1, 0x1005, words),
                        "MMU on, data caches on, instruction caches on");
    assert_string_equal(register_words(A64_SCTLR_EL1, 0x80000, words),
                        "MMU off, data caches off, instruction caches off, "
                        "writable is never executable");
    assert_string_equal(register_words(A64_TTBR0_EL1, 0x0007000040091000, words),
                        "table at 0x40091000, ASID 7");
    assert_string_equal(register_words(A64_TTBR1_EL1, 0x40091001, words),
                        "table at 0x40091000, ASID 0, common not private");
    assert_string_equal(register_words(A64_SPSR_EL1, 0x3c0, words), "EL0, masked DAIF");
    assert_string_equal(register_words(A64_SPSR_EL2, 0x5, words),
                        "EL1 with SP_EL1, nothing masked");
    assert_string_equal(register_words(A64_CPACR_EL1, 0x300000, words), "FP and SIMD trap nowhere");
    assert_string_equal(register_words(A64_VBAR_EL1, 0x1000, words), "");
}

static void tcr_in_words(void **state)
{
    (void)state;
    char words[REGISTER_WORDS];
    register_words(A64_TCR_EL1, UINT64_C(0x00000002b5193519), words);
    assert_non_null(strstr(words, "low half: 39-bit addresses, 4 KiB granule, walks Write-Back "
                                  "inner shareable"));
    assert_non_null(strstr(words, "high half: 39-bit addresses, 4 KiB granule"));
    assert_non_null(strstr(words, "40-bit physical addresses"));
    register_words(A64_TCR_EL1, 0x80, words);
    assert_non_null(strstr(words, "low half: no walks"));
}

static void mair_leaves_unused_attributes_out(void **state)
{
    (void)state;
    char words[REGISTER_WORDS];
    register_words(A64_MAIR_EL1, 0xff00, words);
    assert_non_null(strstr(words, "0: Device-nGnRnE, 1: Normal"));
    assert_null(strstr(words, "2:"));
}

static void vectors_by_offset(void **state)
{
    (void)state;
    assert_string_equal(vector_words(0x000), "synchronous, same EL with SP_EL0");
    assert_string_equal(vector_words(0x280), "IRQ, same EL");
    assert_string_equal(vector_words(0x400), "synchronous, from a lower EL");
    assert_string_equal(vector_words(0x780), "SError, from AArch32");
    assert_string_equal(vector_words(0x44), "no vector");
    assert_string_equal(vector_words(0x800), "no vector");
}

static void a_phrase_is_cut_at_its_end(void **state)
{
    (void)state;
    char text[8];
    struct phrase phrase = phrase_begin(text, sizeof(text));
    phrase_list(&phrase, "%s", "one");
    phrase_list(&phrase, "%s", "two");
    phrase_list(&phrase, "%s", "three");
    assert_string_equal(text, "one, tw");
}

static void aliases_fold_to_link_addresses(void **state)
{
    (void)state;
    struct address_alias items[4];
    struct aliases aliases = {.items = items};
    assert_true(aliases_take(&aliases, "0x40000000:0x1000:0xffffffff00000000"));
    assert_true(aliases_take(&aliases, "4096:16:16"));
    assert_false(aliases_take(&aliases, "1:0:1"));
    assert_false(aliases_take(&aliases, "1:2"));
    assert_false(aliases_take(&aliases, "-1:2:3"));
    assert_false(aliases_take(&aliases, "1:2:3x"));
    assert_int_equal(aliases.count, 2);
    assert_int_equal(aliases_fold(&aliases, 0x40000ffc), 0xffffffff40000ffc);
    assert_int_equal(aliases_fold(&aliases, 0x40001000), 0x40001000);
    assert_int_equal(aliases_fold(&aliases, 0x100f), 0x101f);
}

static void waivers_match_rule_and_function(void **state)
{
    (void)state;
    struct waivers waivers = {.items = calloc(4, sizeof(waivers.items[0]))};
    assert_true(waivers_take(&waivers, "at-before-par@probe=it is only a hint=really"));
    assert_true(waivers_take(&waivers, "at-before-par@probe_all=x"));
    assert_false(waivers_take(&waivers, "at-before-par@probe"));
    assert_false(waivers_take(&waivers, "@probe=x"));
    assert_false(waivers_take(&waivers, "rule@=x"));
    assert_false(waivers_take(&waivers, "rule@probe="));
    assert_string_equal(waivers_cover(&waivers, "at-before-par", "probe+0x10", "main+0x0"),
                        "it is only a hint=really");
    assert_non_null(waivers_cover(&waivers, "at-before-par", "", "probe.isra.0+0x4"));
    assert_null(waivers_cover(&waivers, "at-before-par", "probes+0x10", "main+0x0"));
    assert_null(waivers_cover(&waivers, "null-regime", "probe+0x10", "probe+0x10"));
    assert_int_equal(waivers.items[0].used, 2);
    assert_int_equal(waivers.items[1].used, 0);
    waivers_free(&waivers);
}

static void sites_are_counted_by_pc_and_opcode(void **state)
{
    (void)state;
    struct site_counts sites = {0};
    for (uint64_t round = 0; round < 2; round++) {
        for (uint64_t pc = 0; pc < 4000; pc += 4) {
            assert_int_equal(site_counts_add(&sites, pc, OP_ISB), round + 1);
        }
    }
    assert_int_equal(site_counts_add(&sites, 8, OP_NOP), 1);
    assert_int_equal(sites.count, 1001);
    assert_int_equal(sites.items[2].pc, 8);
    assert_int_equal(sites.items[2].count, 2);
    assert_int_equal(sites.items[1000].opcode, OP_NOP);
    site_counts_free(&sites);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instruction_as_text),
        cmocka_unit_test(an_excerpt_marks_its_pc),
        cmocka_unit_test(an_excerpt_leaves_out_what_is_not_known),
        cmocka_unit_test(registers_by_name),
        cmocka_unit_test(registers_in_words),
        cmocka_unit_test(tcr_in_words),
        cmocka_unit_test(mair_leaves_unused_attributes_out),
        cmocka_unit_test(vectors_by_offset),
        cmocka_unit_test(a_phrase_is_cut_at_its_end),
        cmocka_unit_test(aliases_fold_to_link_addresses),
        cmocka_unit_test(waivers_match_rule_and_function),
        cmocka_unit_test(sites_are_counted_by_pc_and_opcode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
