#include "finding.h"

#include <stdlib.h>
#include <string.h>

enum { LIMIT_DEFAULT = 1000, FIRST_SLOTS = 64, FIRST_ROOM = 16 };

struct finding_key {
    const char *rule; /* the module's own string; NULL: the slot is free */
    enum order_level level;
    uint64_t write_pc;
    uint64_t group; /* the consumer's PC unless the rule says otherwise */
};

struct finding_slot {
    struct finding_key key;
    size_t item; /* SIZE_MAX: not kept */
};

void findings_begin(struct findings *findings, uint64_t limit)
{
    *findings = (struct findings){.limit = limit == 0 ? LIMIT_DEFAULT : limit};
}

void findings_free(struct findings *findings)
{
    free(findings->items);
    free(findings->slots);
    *findings = (struct findings){0};
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static size_t hash_of(const struct finding_key *key)
{
    uint64_t hash = mix((uint64_t)(uintptr_t)key->rule, (uint64_t)key->level);
    return (size_t)mix(mix(hash, key->write_pc), key->group);
}

static bool same(const struct finding_key *left, const struct finding_key *right)
{
    return left->rule == right->rule && left->level == right->level &&
           left->write_pc == right->write_pc && left->group == right->group;
}

/* The key's slot, or the free one where it belongs; NULL while there is no slot at all. */
static struct finding_slot *slot_of(const struct findings *findings, const struct finding_key *key)
{
    if (findings->slot_count == 0) {
        return NULL;
    }
    size_t mask = findings->slot_count - 1;
    size_t at = hash_of(key) & mask;
    while (findings->slots[at].key.rule != NULL && !same(&findings->slots[at].key, key)) {
        at = (at + 1) & mask;
    }
    return &findings->slots[at];
}

static bool grow_slots(struct findings *findings)
{
    size_t old_count = findings->slot_count;
    if (findings->slots_used * 2 < old_count) {
        return true;
    }
    struct finding_slot *old = findings->slots;
    size_t count = old_count == 0 ? FIRST_SLOTS : old_count * 2;
    struct finding_slot *slots = calloc(count, sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    findings->slots = slots;
    findings->slot_count = count;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].key.rule != NULL) {
            *slot_of(findings, &old[i].key) = old[i];
        }
    }
    free(old);
    return true;
}

static bool grow_items(struct findings *findings)
{
    if (findings->count < findings->room) {
        return true;
    }
    size_t room = findings->room == 0 ? FIRST_ROOM : findings->room * 2;
    struct order_finding *items = reallocarray(findings->items, room, sizeof(*items));
    if (items == NULL) {
        return false;
    }
    findings->items = items;
    findings->room = room;
    return true;
}

/* Count a finding that is known; false when it is not. */
static bool count_again(struct findings *findings, const struct finding_key *key)
{
    struct finding_slot *slot = slot_of(findings, key);
    if (slot == NULL || slot->key.rule == NULL) {
        return false;
    }
    if (slot->item != SIZE_MAX) {
        findings->items[slot->item].count++;
    }
    return true;
}

bool rule_again(struct rule *rule, enum order_level level, uint64_t write_pc, uint64_t consumer_pc)
{
    const struct finding_key key = {rule->module->info.id, level, write_pc, consumer_pc};
    return count_again(rule->findings, &key);
}

bool rule_report(struct rule *rule, enum order_level level, const struct order_end *write,
                 const struct order_end *consumer, const struct finding_text *text)
{
    return rule_report_group(rule, level, write, consumer, text, consumer->pc);
}

bool rule_report_group(struct rule *rule, enum order_level level, const struct order_end *write,
                       const struct order_end *consumer, const struct finding_text *text,
                       uint64_t group)
{
    struct findings *findings = rule->findings;
    const struct finding_key key = {rule->module->info.id, level, write->pc, group};
    if (count_again(findings, &key)) {
        return true;
    }
    if (!grow_slots(findings) || !grow_items(findings)) {
        return false;
    }
    struct finding_slot *slot = slot_of(findings, &key);
    *slot = (struct finding_slot){.key = key, .item = SIZE_MAX};
    findings->slots_used++;
    if (findings->kept[level] == findings->limit) {
        findings->cut++;
        return true;
    }
    findings->kept[level]++;
    slot->item = findings->count;
    struct order_finding *item = &findings->items[findings->count++];
    *item = (struct order_finding){
        .rule = key.rule, .level = level, .write = *write, .consumer = *consumer, .count = 1};
    memcpy(item->missing, text->missing, ORDER_TEXT);
    memcpy(item->detail, text->detail, ORDER_TEXT);
    memcpy(item->fix, text->fix, ORDER_TEXT);
    return true;
}

struct order_end order_end_of(const struct trace_event *event, uint64_t number)
{
    bool insn = event->kind == TRACE_EVENT_INSN;
    bool memory = event->kind == TRACE_EVENT_STORE || event->kind == TRACE_EVENT_ACCESS ||
                  event->kind == TRACE_EVENT_OFF_READ;
    return (struct order_end){
        .event = number,
        .pc = event->pc,
        .pc_pa = event->pc_pa,
        .opcode = insn ? event->opcode : 0,
        .cpu = event->cpu,
        .el = event->el,
        .address = memory ? event->va : 0,
        .has_address = memory,
    };
}

struct order_end order_end_of_pending(const struct machine_pending *pending, uint8_t cpu)
{
    return (struct order_end){
        .event = pending->event,
        .pc = pending->pc,
        .pc_pa = pending->pc_pa,
        .opcode = pending->opcode,
        .cpu = cpu,
        .el = pending->el,
    };
}

struct order_end order_end_of_writer(const struct trace_written *written)
{
    return (struct order_end){
        .event = written->time,
        .pc = written->pc,
        .pc_pa = TRACE_UNKNOWN_ADDRESS,
        .cpu = written->cpu,
        .el = TRACE_EL_UNKNOWN,
        .address = written->va,
        .has_address = true,
    };
}

static int ascending(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

static int by_level_and_event(const void *left_item, const void *right_item)
{
    const struct order_finding *left = left_item;
    const struct order_finding *right = right_item;
    if (left->level != right->level) {
        return left->level == ORDER_ERROR ? -1 : 1;
    }
    int order = ascending(left->consumer.event, right->consumer.event);
    if (order == 0) {
        order = ascending(left->write.event, right->write.event);
    }
    return order != 0 ? order : strcmp(left->rule, right->rule);
}

void findings_sort(struct findings *findings)
{
    if (findings->count == 0) {
        return;
    }
    qsort(findings->items, findings->count, sizeof(findings->items[0]), by_level_and_event);
    if (findings->count > findings->limit) {
        findings->cut += findings->count - findings->limit;
        findings->count = (size_t)findings->limit;
    }
}
