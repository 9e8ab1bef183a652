#include "audit_sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sysregs.h"

enum { LINKS = AUDIT_LIST_RIGHTS + 1, LISTS = AUDIT_LIST_RIGHTS + AUDIT_CLASSES_MAX };
#define NONE UINT32_MAX

struct link {
    uint32_t before;
    uint32_t next;
};

struct list {
    uint32_t first;
    uint32_t last;
};

struct audit_sweep {
    const struct audit_scene *scene;
    struct list lists[LISTS];
    struct link (*links)[LINKS]; /* of each leaf: one for each right, one for its class */
    uint8_t *class_numbers;      /* of each leaf */
    struct audit_class classes[AUDIT_CLASSES_MAX];
    size_t class_count;
};

/* Inner and outer cache policy of 4 bits of a MAIR attribute, without allocation hints. */
static uint8_t policy_of(unsigned bits)
{
    enum { NC = 0x4, BACK = 0x4 };

    if (bits == NC) {
        return AUDIT_NON_CACHEABLE;
    }
    /* 0b00RW and 0b10RW are Write-Through, 0b01RW and 0b11RW Write-Back. */
    return (bits & BACK) != 0 ? AUDIT_WRITE_BACK : AUDIT_WRITE_THROUGH;
}

bool audit_class_of(const struct rig_walk_attributes *attr, struct audit_class *made)
{
    *made = (struct audit_class){.memory = attr->memory, .shareability = attr->shareability};
    if (attr->memory == RIG_WALK_MEMORY_RESERVED) {
        return false;
    }
    if (attr->memory != RIG_WALK_NORMAL) {
        return true;
    }
    switch (attr->mair_attr) {
    case MAIR_ATTR_WHOLE_NON_CACHEABLE_XS0:
        break;
    case MAIR_ATTR_WHOLE_WRITE_THROUGH_XS0:
        made->inner = AUDIT_WRITE_THROUGH;
        made->outer = AUDIT_WRITE_THROUGH;
        break;
    case MAIR_ATTR_WHOLE_TAGGED:
        made->inner = AUDIT_WRITE_BACK;
        made->outer = AUDIT_WRITE_BACK;
        break;
    default:
        made->inner = policy_of(attr->mair_attr & MAIR_ATTR_INNER_MASK);
        made->outer = policy_of((attr->mair_attr & MAIR_ATTR_OUTER_MASK) >> MAIR_ATTR_OUTER_SHIFT);
        break;
    }
    if (attr->data_cache_off != 0) {
        /* SCTLR_ELx.C = 0: every data access to Normal memory is Non-cacheable. */
        made->inner = AUDIT_NON_CACHEABLE;
        made->outer = AUDIT_NON_CACHEABLE;
    }
    if (made->inner == AUDIT_NON_CACHEABLE && made->outer == AUDIT_NON_CACHEABLE) {
        made->shareability = DESC_LEAF_SH_OUTER >> DESC_LEAF_SH_SHIFT;
    }
    return true;
}

void audit_class_words(const struct audit_class *class, char *text, size_t size)
{
    static const char *const devices[] = {"Device-nGnRnE", "Device-nGnRE", "Device-nGRE",
                                          "Device-GRE"};
    static const char *const policies[] = {"Non-cacheable", "Write-Through", "Write-Back"};
    char shareability[32];

    if (class->memory < RIG_WALK_NORMAL) {
        snprintf(text, size, "%s", devices[class->memory]);
        return;
    }
    rig_walk_shareability_text(class->shareability, shareability, sizeof(shareability));
    if (class->inner == class->outer) {
        snprintf(text, size, "Normal %s, %s", policies[class->inner], shareability);
    } else {
        snprintf(text, size, "Normal inner %s outer %s, %s", policies[class->inner],
                 policies[class->outer], shareability);
    }
}

static uint8_t class_number(struct audit_sweep *sweep, const struct audit_leaf *leaf)
{
    struct audit_class class;
    size_t number = 0;

    if (!audit_class_of(&leaf->attr, &class)) {
        return AUDIT_CLASS_NONE;
    }
    while (number < sweep->class_count &&
           memcmp(&sweep->classes[number], &class, sizeof(class)) != 0) {
        number++;
    }
    if (number == AUDIT_CLASSES_MAX) {
        return AUDIT_CLASS_NONE; /* cannot be: 8 attributes, 4 shareabilities */
    }
    if (number == sweep->class_count) {
        sweep->classes[sweep->class_count++] = class;
    }
    return (uint8_t)number;
}

/* Which of a leaf's links a list goes through. */
static unsigned link_of(unsigned list)
{
    return list < AUDIT_LIST_RIGHTS ? list : AUDIT_LIST_RIGHTS;
}

static void enter(struct audit_sweep *sweep, unsigned number, uint32_t leaf)
{
    struct list *list = &sweep->lists[number];
    unsigned link = link_of(number);

    sweep->links[leaf][link] = (struct link){.before = list->last, .next = NONE};
    if (list->last == NONE) {
        list->first = leaf;
    } else {
        sweep->links[list->last][link].next = leaf;
    }
    list->last = leaf;
}

static void leave(struct audit_sweep *sweep, unsigned number, uint32_t leaf)
{
    struct list *list = &sweep->lists[number];
    unsigned link = link_of(number);
    struct link gone = sweep->links[leaf][link];

    if (gone.before == NONE) {
        list->first = gone.next;
    } else {
        sweep->links[gone.before][link].next = gone.next;
    }
    if (gone.next == NONE) {
        list->last = gone.before;
    } else {
        sweep->links[gone.next][link].before = gone.before;
    }
}

/* Put a leaf into the lists that it belongs to, or take it out of them. */
static void move(struct audit_sweep *sweep, uint32_t leaf,
                 void (*step)(struct audit_sweep *sweep, unsigned number, uint32_t leaf))
{
    static const unsigned rights[AUDIT_LIST_RIGHTS] = {
        [AUDIT_LIST_EL1_EXEC] = AUDIT_EL1_EXEC,   [AUDIT_LIST_EL1_WRITE] = AUDIT_EL1_WRITE,
        [AUDIT_LIST_EL0_EXEC] = AUDIT_EL0_EXEC,   [AUDIT_LIST_EL0_DATA] = AUDIT_EL0_DATA,
        [AUDIT_LIST_EL0_WRITE] = AUDIT_EL0_WRITE,
    };

    for (unsigned list = 0; list < AUDIT_LIST_RIGHTS; list++) {
        if ((sweep->scene->leaves[leaf].rights & rights[list]) != 0) {
            step(sweep, list, leaf);
        }
    }
    if (sweep->class_numbers[leaf] != AUDIT_CLASS_NONE) {
        step(sweep, audit_class_list(sweep->class_numbers[leaf]), leaf);
    }
}

static size_t leaf_or_none(uint32_t leaf)
{
    return leaf == NONE ? AUDIT_LEAF_NONE : leaf;
}

size_t audit_segment_first(const struct audit_segment *segment, unsigned list)
{
    return leaf_or_none(segment->sweep->lists[list].first);
}

size_t audit_segment_next(const struct audit_segment *segment, unsigned list, size_t leaf)
{
    return leaf_or_none(segment->sweep->links[leaf][link_of(list)].next);
}

size_t audit_segment_other(const struct audit_segment *segment, unsigned list, size_t leaf)
{
    size_t first = audit_segment_first(segment, list);

    return first == leaf ? audit_segment_next(segment, list, leaf) : first;
}

uint64_t audit_segment_va(const struct audit_segment *segment, const struct audit_leaf *leaf)
{
    return leaf->first_va + (segment->first - leaf->pa);
}

size_t audit_segment_classes(const struct audit_segment *segment)
{
    return segment->sweep->class_count;
}

const struct audit_class *audit_segment_class(const struct audit_segment *segment, size_t number)
{
    return &segment->sweep->classes[number];
}

/* An edge: a leaf and the address where it begins, or the first one behind it. */
struct edge {
    uint64_t at;
    uint32_t leaf;
};

static int by_address(const void *left_item, const void *right_item)
{
    const struct edge *left = left_item;
    const struct edge *right = right_item;

    if (left->at != right->at) {
        return left->at > right->at ? 1 : -1;
    }
    return (left->leaf > right->leaf) - (left->leaf < right->leaf);
}

struct edges {
    struct edge *begins;
    struct edge *ends;
    size_t count;
};

static struct edges make_edges(const struct audit_scene *scene)
{
    struct edges edges = {.begins = memory_get(scene->leaf_count, sizeof(struct edge)),
                          .ends = memory_get(scene->leaf_count, sizeof(struct edge))};

    for (size_t i = 0; i < scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &scene->leaves[i];

        if (leaf->fits != 0) {
            edges.begins[edges.count] = (struct edge){leaf->pa, (uint32_t)i};
            edges.ends[edges.count++] = (struct edge){audit_leaf_last_pa(leaf) + 1, (uint32_t)i};
        }
    }
    qsort(edges.begins, edges.count, sizeof(struct edge), by_address);
    qsort(edges.ends, edges.count, sizeof(struct edge), by_address);
    return edges;
}

static void run(struct audit_sweep *sweep, const struct edges *edges,
                void (*visit)(void *user, const struct audit_segment *segment), void *user)
{
    size_t begun = 0;
    size_t ended = 0;
    uint64_t from = 0;

    while (ended < edges->count) {
        uint64_t at = edges->ends[ended].at;

        if (begun < edges->count && edges->begins[begun].at < at) {
            at = edges->begins[begun].at;
        }
        if (begun > ended && at > from) {
            const struct audit_segment segment = {from, at - 1, sweep};

            visit(user, &segment);
        }
        for (; ended < edges->count && edges->ends[ended].at == at; ended++) {
            move(sweep, edges->ends[ended].leaf, leave);
        }
        for (; begun < edges->count && edges->begins[begun].at == at; begun++) {
            move(sweep, edges->begins[begun].leaf, enter);
        }
        from = at;
    }
}

void audit_sweep_scene(struct audit_scene *scene,
                       void (*visit)(void *user, const struct audit_segment *segment), void *user)
{
    struct audit_sweep sweep = {.scene = scene,
                                .links = memory_get(scene->leaf_count, sizeof(sweep.links[0])),
                                .class_numbers = memory_get(scene->leaf_count, 1)};
    struct edges edges = make_edges(scene);

    for (size_t i = 0; i < LISTS; i++) {
        sweep.lists[i] = (struct list){NONE, NONE};
    }
    for (size_t i = 0; i < scene->leaf_count; i++) {
        sweep.class_numbers[i] = class_number(&sweep, &scene->leaves[i]);
    }
    run(&sweep, &edges, visit, user);
    free(edges.begins);
    free(edges.ends);
    free(sweep.links);
    free(sweep.class_numbers);
}
