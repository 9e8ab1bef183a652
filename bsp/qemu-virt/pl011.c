/*
 * The console: a PL011 UART (Arm PrimeCell UART PL011 TRM, DDI 0183), polled output.
 */
#include <arch/cpu.h>
#include <board/memory_map.h>
#include <stdbool.h>
#include <stdint.h>
#include <tyrne/hal/console.h>

/* Register offsets and bits (DDI 0183, section 3.2 "Summary of registers"). */
#define UARTDR           0x000U
#define UARTFR           0x018U
#define UARTFR_BUSY      (1U << 3)
#define UARTFR_TXFF      (1U << 5)
#define UARTIBRD         0x024U
#define UARTFBRD         0x028U
#define UARTLCR_H        0x02CU
#define UARTLCR_H_FEN    (1U << 4)
#define UARTLCR_H_WLEN_8 (3U << 5)
#define UARTCR           0x030U
#define UARTCR_UARTEN    (1U << 0)
#define UARTCR_TXE       (1U << 8)
#define UARTIMSC         0x038U

/* 115200 baud from the board's 24 MHz: 24e6 / (16 * 115200) = 13 + 1/64. */
#define BAUD_INTEGER  13U
#define BAUD_FRACTION 1U

/* Polls before a byte is given up: a dead UART must not hang a panic. */
#define TRANSMIT_POLLS 1000000U

/* The UART in the half the code runs in: a panic before the jump prints as well as one after. */
static volatile uint32_t *uart_register(unsigned offset)
{
    uint64_t base = cpu_pc_is_high() ? BOARD_UART_PA + KERNEL_HIGH_HALF_OFFSET : BOARD_UART_PA;

    return (volatile uint32_t *)(uintptr_t)(base + offset);
}

/* Wait until the flags in `mask` are clear, at most TRANSMIT_POLLS times. */
static bool wait_flags_clear(uint32_t mask)
{
    for (unsigned i = 0; i < TRANSMIT_POLLS; i++) {
        if ((*uart_register(UARTFR) & mask) == 0) {
            return true;
        }
    }
    return false;
}

/* Program the UART as section 3.3.8 of the manual says: disabled, idle, then the line, then on. */
static void uart_enable(void)
{
    *uart_register(UARTCR) = 0;
    (void)wait_flags_clear(UARTFR_BUSY);
    *uart_register(UARTIMSC) = 0;
    *uart_register(UARTIBRD) = BAUD_INTEGER;
    *uart_register(UARTFBRD) = BAUD_FRACTION;
    *uart_register(UARTLCR_H) = UARTLCR_H_WLEN_8 | UARTLCR_H_FEN; /* latches the divisor, too */
    *uart_register(UARTCR) = UARTCR_UARTEN | UARTCR_TXE;
}

static void put_byte(char byte)
{
    if (wait_flags_clear(UARTFR_TXFF)) {
        *uart_register(UARTDR) = (unsigned char)byte;
    }
}

void console_write(const char *bytes, size_t length)
{
    const uint32_t on = UARTCR_UARTEN | UARTCR_TXE;

    if ((*uart_register(UARTCR) & on) != on) {
        uart_enable();
    }
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n') {
            put_byte('\r');
        }
        put_byte(bytes[i]);
    }
}
