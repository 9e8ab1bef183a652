#include <tyrne/irq.h>

#include <stdbool.h>
#include <stddef.h>
#include <tyrne/hal/irq.h>
#include <tyrne/print.h>

struct irq_source {
    irq_handler handler; /* null: the entry is free */
    void *argument;
    uint32_t intid;
};

static struct irq_source sources[IRQ_HANDLERS];
static uint64_t reported[(IRQ_INTIDS + 63U) / 64U]; /* bit set: said to be unexpected */

static struct irq_source *find(uint32_t intid)
{
    for (unsigned i = 0; i < IRQ_HANDLERS; i++) {
        if (sources[i].handler != NULL && sources[i].intid == intid) {
            return &sources[i];
        }
    }
    return NULL;
}

status_t irq_register(uint32_t intid, irq_handler handler, void *argument)
{
    if (intid >= IRQ_INTIDS) {
        return STATUS_OUT_OF_RANGE;
    }
    if (find(intid) != NULL) {
        return STATUS_IN_USE;
    }
    for (unsigned i = 0; i < IRQ_HANDLERS; i++) {
        if (sources[i].handler == NULL) {
            sources[i] = (struct irq_source){handler, argument, intid};
            hal_irq_enable(intid);
            return STATUS_OK;
        }
    }
    return STATUS_OBJECTS_EXHAUSTED;
}

static void report_unexpected(uint32_t intid)
{
    uint64_t bit = 1ULL << (intid % 64U);

    if ((reported[intid / 64U] & bit) == 0) {
        reported[intid / 64U] |= bit;
        kprintf("tyrne: unexpected interrupt %u (reported once)\n", intid);
    }
}

void irq_dispatch(uint32_t intid)
{
    const struct irq_source *source = find(intid);

    if (source != NULL) {
        source->handler(source->argument);
    } else if (intid < IRQ_INTIDS) {
        report_unexpected(intid);
    }
}
