/*
 * The interrupt controller: a GICv2 (Arm Generic Interrupt Controller Architecture version 2.0,
 * IHI 0048). One CPU, every interrupt at the same priority.
 *
 * Groups: QEMU's board has no Security Extensions here (secure=off), so all interrupts are in Group
 * 0 and Group 0 is signalled as IRQ (GICC_CTLR.FIQEn = 0). Where there are some and this is the
 * Non-secure view, the same bit 0 of both control registers enables Group 1, and that is all that
 * can be seen: one value serves both (IHI 0048, 4.3.1 "GICD_CTLR", 4.4.1 "GICC_CTLR").
 */
#include <arch/irq.h>
#include <board/memory_map.h>
#include <stdint.h>
#include <tyrne/address.h>
#include <tyrne/hal/irq.h>
#include <tyrne/irq.h>
#include <tyrne/panic.h>

/* Distributor registers (IHI 0048, 4.1.2 "Distributor register map"). */
#define GICD_CTLR                0x000U
#define GICD_TYPER               0x004U
#define GICD_TYPER_IT_LINES_MASK 0x1FU
#define GICD_IGROUPR             0x080U
#define GICD_ISENABLER           0x100U
#define GICD_ICENABLER           0x180U
#define GICD_ICPENDR             0x280U
#define GICD_ICACTIVER           0x380U
#define GICD_IPRIORITYR          0x400U
#define GICD_ITARGETSR           0x800U
#define GICD_ICFGR               0xC00U

/* CPU interface registers (IHI 0048, 4.1.3 "CPU interface register map"). */
#define GICC_CTLR            0x000U
#define GICC_PMR             0x004U
#define GICC_BPR             0x008U
#define GICC_IAR             0x00CU
#define GICC_IAR_INTID_MASK  0x3FFU
#define GICC_EOIR            0x010U

#define CTLR_ENABLE          1U
#define ALL_BITS             UINT32_MAX
#define PRIORITY_X4          0xA0A0A0A0U /* of four interrupts; any value below the mask */
#define PRIORITY_MASK_LOWEST 0xFFU       /* let every priority through */

/* Interrupts that are private to the CPU, SGIs and PPIs: the first of each bank of registers. */
#define PRIVATE_INTIDS     32U
#define INTIDS_MAX         1020U /* 1020 to 1023 are special (IHI 0048, 2.2.1 "Interrupt IDs") */
#define INTIDS_A_BIT_WORD  32U   /* one bit each */
#define INTIDS_A_CFG_WORD  16U   /* two bits each */
#define INTIDS_A_BYTE_WORD 4U    /* one byte each */

static volatile uint32_t *device_register(uint64_t base_pa, unsigned offset)
{
    return (volatile uint32_t *)(uintptr_t)phys_to_kernel_va((paddr_t){base_pa + offset}).value;
}

static volatile uint32_t *gicd(unsigned offset)
{
    return device_register(BOARD_GICD_PA, offset);
}

static volatile uint32_t *gicc(unsigned offset)
{
    return device_register(BOARD_GICC_PA, offset);
}

/* How many INTIDs the distributor has, special ones not counted. */
static unsigned intid_count(void)
{
    unsigned count = INTIDS_A_BIT_WORD * ((*gicd(GICD_TYPER) & GICD_TYPER_IT_LINES_MASK) + 1U);

    return count < INTIDS_MAX ? count : INTIDS_MAX;
}

/* Write `value` to each word of the registers at `offset` that covers INTIDs `first` to `end` - 1.
 */
static void fill(unsigned offset, unsigned first, unsigned end, unsigned intids_a_word,
                 uint32_t value)
{
    for (unsigned intid = first; intid < end; intid += intids_a_word) {
        *gicd(offset + intid / intids_a_word * 4U) = value;
    }
}

/* The target byte of this CPU in all four lanes: its private interrupts say which (IHI 0048, 4.3.12
 * "GICD_ITARGETSRn"). On a uniprocessor the registers read as zero and ignore writes. */
static uint32_t own_target_x4(void)
{
    return *gicd(GICD_ITARGETSR);
}

void hal_irq_controller_init(void)
{
    const unsigned end = intid_count();

    *gicc(GICC_CTLR) = 0;
    *gicd(GICD_CTLR) = 0;
    /* Nothing enabled, pending or active that a loader may have left; all alike. */
    fill(GICD_ICENABLER, 0, end, INTIDS_A_BIT_WORD, ALL_BITS);
    fill(GICD_ICPENDR, 0, end, INTIDS_A_BIT_WORD, ALL_BITS);
    fill(GICD_ICACTIVER, 0, end, INTIDS_A_BIT_WORD, ALL_BITS);
    fill(GICD_IGROUPR, 0, end, INTIDS_A_BIT_WORD, 0);
    fill(GICD_IPRIORITYR, 0, end, INTIDS_A_BYTE_WORD, PRIORITY_X4);
    /* Shared interrupts: to this CPU, level-sensitive. Private ones have both fixed. */
    fill(GICD_ITARGETSR, PRIVATE_INTIDS, end, INTIDS_A_BYTE_WORD, own_target_x4());
    fill(GICD_ICFGR, PRIVATE_INTIDS, end, INTIDS_A_CFG_WORD, 0);
    *gicd(GICD_CTLR) = CTLR_ENABLE;

    *gicc(GICC_PMR) = PRIORITY_MASK_LOWEST;
    *gicc(GICC_BPR) = 0;
    *gicc(GICC_CTLR) = CTLR_ENABLE;
}

void hal_irq_enable(uint32_t intid)
{
    KASSERT(intid < intid_count());
    *gicd(GICD_ISENABLER + intid / INTIDS_A_BIT_WORD * 4U) = 1U << intid % INTIDS_A_BIT_WORD;
}

void board_irq_handle(void)
{
    uint32_t acknowledged = *gicc(GICC_IAR);
    uint32_t intid = acknowledged & GICC_IAR_INTID_MASK;

    /* 1023: nothing is pending any more. 1022: only an interrupt of the other group. Neither was
     * activated, so neither gets an end of interrupt (IHI 0048, 3.2.5). */
    if (intid >= INTIDS_MAX) {
        return;
    }
    irq_dispatch(intid);
    /* The value as read: for an SGI it also names the CPU that sent it (IHI 0048, 4.4.5). */
    *gicc(GICC_EOIR) = acknowledged;
}
