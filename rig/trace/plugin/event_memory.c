/*
 * Loads and stores: who wrote what last, stores into tables and code, accesses in windows, and
 * reads with caches on of what was written with caches off.
 *
 * These callbacks are what stores=on costs, so nearly all of them have to return early.
 */
#include "recorder.h"
#include "table_watch.h"

enum { WORD = 8, ZVA_BYTES_USUAL = 64, ZVA_BYTES_MOST = 2048 };

/* One access, or the part of one that lies in one line. */
struct access {
    unsigned int vcpu;
    const struct event_site *site;
    uint64_t va, pa;
    uint32_t bytes;
    uint8_t flags; /* of its event */
};

/* The CPU has to tell accesses now. */
static inline bool in_window(const struct recorder_cpu *cpu)
{
    return __builtin_expect(window_records(&cpu->window), 0);
}

static inline bool line_watched(const struct writer_page *page, uint64_t pa)
{
    return (page->watched >> writer_line_of(pa) & 1) != 0;
}

static void log_access(const struct access *access)
{
    struct recorder_cpu *cpu = &recorder.cpus[access->vcpu];
    bool counted = window_count(&cpu->window);
    struct trace_event event =
        recorder_event(access->vcpu, counted ? TRACE_EVENT_ACCESS : TRACE_EVENT_CUT,
                       access->site->pc, access->site->pc_pa);
    if (counted) {
        event.flags = access->flags;
        event.opcode = access->bytes;
        event.va = access->va;
        event.pa = access->pa;
    }
    event_log_add(&recorder.log, &event);
}

/* The word that now is at that address, 0 when nobody can tell. */
static bool read_word(const struct access *access, uint64_t word, uint64_t *value)
{
    *value = 0;
    return (access->flags & TRACE_EVENT_ZVA) != 0 ||
           guest_ram_read(&recorder.ram, word, value) == 0;
}

/* A word of a line that is watched. True when it is watched itself. */
static bool store_word(const struct access *access, struct writer_page *page, uint64_t word)
{
    bool table = table_watch_holds(word);
    bool code = last_writer_code_store(page, word);
    struct recorder_cpu *cpu = &recorder.cpus[access->vcpu];
    struct trace_event event =
        recorder_event(access->vcpu, TRACE_EVENT_STORE, access->site->pc, access->site->pc_pa);
    if (!table && !code) {
        return false;
    }
    event.va = access->va + (word - access->pa);
    event.pa = word;
    event.opcode = access->bytes;
    event.flags = access->flags & (uint8_t)~TRACE_EVENT_WRITE;
    event.flags |= table ? TRACE_EVENT_TABLE : 0;
    event.flags |= code ? TRACE_EVENT_CODE : 0;
    event.flags |= cpu->state.caches_off ? TRACE_EVENT_CACHES_OFF : 0;
    if (read_word(access, word, &event.value)) {
        event.flags |= TRACE_EVENT_VALUE;
    }
    event_log_add(&recorder.log, &event);
    if (table && (event.flags & TRACE_EVENT_VALUE) != 0 &&
        table_watch_store(access->vcpu, access->site->pc, access->site->pc_pa, word, event.value) &&
        state_el1_mmu_on(&cpu->state)) {
        window_open_dsb(&cpu->window, A64_NSH, false);
    }
    return true;
}

/* Each watched word of the access. True when there is one. */
static bool store_words(const struct access *access)
{
    bool any = false;
    uint64_t end = access->pa + access->bytes;
    for (uint64_t word = access->pa / WORD * WORD; word < end; word += WORD) {
        struct writer_page *page = last_writer_find(&recorder.writers, word);
        if (page != NULL && line_watched(page, word)) {
            any |= store_word(access, page, word);
        }
    }
    return any;
}

static __attribute__((noinline)) void store_slowly(const struct access *access)
{
    pthread_mutex_lock(&recorder.lock);
    if (!recorder.log.full && !store_words(access) && in_window(&recorder.cpus[access->vcpu])) {
        log_access(access);
    }
    pthread_mutex_unlock(&recorder.lock);
}

/* Note the writer of the line that `pa` is in. NULL when memory is short or there is no such line.
 */
static inline struct writer_page *note(const struct access *access, uint64_t va, uint64_t pa)
{
    struct writer_page *page = last_writer_find(&recorder.writers, pa);
    struct recorder_cpu *cpu = &recorder.cpus[access->vcpu];
    if (__builtin_expect(page == NULL, 0)) {
        page = last_writer_make(&recorder.writers, pa);
        if (page == NULL) {
            return NULL;
        }
    }
    uint8_t flags = TRACE_EVENT_VALUE | (access->flags & TRACE_EVENT_ZVA);
    if (cpu->state.caches_off) {
        flags |= TRACE_EVENT_CACHES_OFF;
        cpu->off_stores = true;
    }
    last_writer_note(&recorder.writers, page, pa,
                     &(struct writer_line){
                         .time = event_log_time(&recorder.log),
                         .pc = access->site->pc,
                         .va = va,
                         .cpu = (uint8_t)access->vcpu,
                         .flags = flags,
                     });
    return page;
}

static void no_memory(void)
{
    trace_writer_flag(recorder.plugin.writer, TRACE_FULL);
}

/* The bytes of a store that lie on the next page, wherever that is. */
static void store_next_page(const struct access *access, qemu_plugin_meminfo_t info)
{
    uint32_t first = WRITER_PAGE - (uint32_t)(access->pa % WRITER_PAGE);
    struct access rest = *access;
    rest.va += first;
    rest.bytes -= first;
    const struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, rest.va);
    if (where == NULL || qemu_plugin_hwaddr_is_io(where)) {
        return;
    }
    rest.pa = qemu_plugin_hwaddr_phys_addr(where);
    struct writer_page *page = note(&rest, rest.va, rest.pa);
    if (page == NULL) {
        no_memory();
    } else if (line_watched(page, rest.pa)) {
        store_slowly(&rest);
    }
}

/* A store over the end of a line, whose first line has been noted. */
static __attribute__((noinline)) void store_crossing(const struct access *access,
                                                     qemu_plugin_meminfo_t info)
{
    uint64_t next = (access->pa / WRITER_LINE + 1) * WRITER_LINE;
    if (next % WRITER_PAGE == 0) {
        struct access first = *access;
        first.bytes = (uint32_t)(next - access->pa);
        store_slowly(&first);
        store_next_page(access, info);
        return;
    }
    if (note(access, access->va + (next - access->pa), next) == NULL) {
        no_memory();
    }
    store_slowly(access);
}

/* To a device, or nobody knows where to. */
static __attribute__((noinline)) void elsewhere(struct access *access,
                                                const struct qemu_plugin_hwaddr *where)
{
    access->pa = where == NULL ? TRACE_UNKNOWN_ADDRESS : qemu_plugin_hwaddr_phys_addr(where);
    pthread_mutex_lock(&recorder.lock);
    if (!recorder.log.full && in_window(&recorder.cpus[access->vcpu])) {
        log_access(access);
    }
    pthread_mutex_unlock(&recorder.lock);
}

static void on_store(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *data)
{
    struct access access = {
        .vcpu = vcpu,
        .site = data,
        .va = va,
        .bytes = 1U << qemu_plugin_mem_size_shift(info),
        .flags = TRACE_EVENT_WRITE,
    };
    struct recorder_cpu *cpu = &recorder.cpus[vcpu];
    const struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, va);
    cpu->stored = true;
    if (where == NULL || qemu_plugin_hwaddr_is_io(where)) {
        if (in_window(cpu)) {
            elsewhere(&access, where);
        }
        return;
    }
    access.pa = qemu_plugin_hwaddr_phys_addr(where);
    struct writer_page *page = note(&access, va, access.pa);
    if (__builtin_expect(page == NULL, 0)) {
        no_memory();
        return;
    }
    bool crossing = access.pa % WRITER_LINE + access.bytes > WRITER_LINE;
    if (__builtin_expect(crossing, 0)) {
        store_crossing(&access, info);
    } else if (__builtin_expect(line_watched(page, access.pa), 0) || in_window(cpu)) {
        store_slowly(&access);
    }
}

/*
 * How much DC ZVA writes is in DCZID_EL0, which no operand tells. 64 bytes are usual; a loop that
 * does nothing else shows by its steps where it is more.
 */
static void learn_block_size(const struct event_site *site, uint64_t va)
{
    static const struct event_site *last_site;
    static uint64_t last;
    uint64_t step = va - last;
    if (site == last_site && step > recorder.zva_bytes && step <= ZVA_BYTES_MOST &&
        (step & (step - 1)) == 0) {
        recorder.zva_bytes = step;
    }
    last_site = site;
    last = va;
}

void memory_zero(unsigned int vcpu, const struct event_site *site, uint64_t va)
{
    learn_block_size(site, va);
    struct access access = {
        .vcpu = vcpu,
        .site = site,
        .va = va / recorder.zva_bytes * recorder.zva_bytes,
        .bytes = (uint32_t)recorder.zva_bytes,
        .flags = TRACE_EVENT_WRITE | TRACE_EVENT_ZVA,
    };
    if (!recorder.stores || !state_translate(&recorder.cpus[vcpu].state, guest_ram_read,
                                             &recorder.ram, access.va, &access.pa)) {
        return;
    }
    recorder.cpus[vcpu].stored = true;
    for (uint64_t at = 0; at < recorder.zva_bytes; at += WRITER_LINE) {
        if (note(&access, access.va + at, access.pa + at) == NULL) {
            no_memory();
            return;
        }
    }
    if (!store_words(&access) && in_window(&recorder.cpus[vcpu])) {
        log_access(&access);
    }
}

/* One load in the window, and the first one of a line that was written with caches off. */

static void tell_off_read(const struct access *access, struct writer_page *page)
{
    struct trace_event event =
        recorder_event(access->vcpu, TRACE_EVENT_OFF_READ, access->site->pc, access->site->pc_pa);
    struct trace_writer_note *chunk =
        event_log_chunk(&recorder.log, TRACE_WRITER, sizeof *chunk, &event.value);
    if (chunk == NULL) {
        return;
    }
    chunk->written = last_writer_line(page, access->pa);
    trace_writer_commit(recorder.log.writer);
    event.va = access->va;
    event.pa = access->pa;
    event_log_add(&recorder.log, &event);
}

/* QEMU 7.2 tells flash memory by an address that RAM may have; tables tell whether it is RAM. */
static bool is_there(const struct access *access)
{
    uint64_t pa = 0;
    return !state_translate(&recorder.cpus[access->vcpu].state, guest_ram_read, &recorder.ram,
                            access->va, &pa) ||
           pa == access->pa;
}

static void load_slowly(const struct access *access, struct writer_page *page, bool off)
{
    pthread_mutex_lock(&recorder.lock);
    unsigned int line = writer_line_of(access->pa);
    if (!recorder.log.full && off && (page->off >> line & 1) != 0 && is_there(access)) {
        tell_off_read(access, page);
        last_writer_read(&recorder.writers, page, line);
    }
    if (!recorder.log.full && in_window(&recorder.cpus[access->vcpu])) {
        log_access(access);
    }
    pthread_mutex_unlock(&recorder.lock);
}

/* A place in the CPU's list of clean pages, and what it holds for that page. */
static inline uint64_t *clean_slot(struct recorder_cpu *cpu, uint64_t va, uint64_t *tag)
{
    enum { VA_PAGES = 52 };
    uint64_t vpage = va >> WRITER_PAGE_SHIFT;
    uint64_t mappings = __atomic_load_n(&recorder.mappings, __ATOMIC_RELAXED);
    *tag = (vpage ^ mappings << (VA_PAGES - WRITER_PAGE_SHIFT)) + 1;
    return &cpu->clean[vpage % RECORDER_CLEAN];
}

static __attribute__((noinline)) void load(struct recorder_cpu *cpu, struct access *access,
                                           qemu_plugin_meminfo_t info, bool look)
{
    uint64_t tag = 0;
    uint64_t *slot = clean_slot(cpu, access->va, &tag);
    if (!in_window(cpu) && *slot == tag) {
        return;
    }
    const struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, access->va);
    if (where == NULL || qemu_plugin_hwaddr_is_io(where)) {
        if (in_window(cpu)) {
            elsewhere(access, where);
        }
        return;
    }
    access->pa = qemu_plugin_hwaddr_phys_addr(where);
    struct writer_page *page = last_writer_find(&recorder.writers, access->pa);
    if (page == NULL || page->off == 0) {
        *slot = tag;
        page = NULL;
    }
    bool off = look && page != NULL && (page->off >> writer_line_of(access->pa) & 1) != 0;
    if (off || in_window(cpu)) {
        load_slowly(access, page, off);
    }
}

static void on_load(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *data)
{
    struct recorder_cpu *cpu = &recorder.cpus[vcpu];
    bool look =
        cpu->state.caches_on && __atomic_load_n(&recorder.writers.off_lines, __ATOMIC_RELAXED) != 0;
    if (__builtin_expect(!look && cpu->window.needs == 0, 1)) {
        return;
    }
    struct access access = {
        .vcpu = vcpu,
        .site = data,
        .va = va,
        .bytes = 1U << qemu_plugin_mem_size_shift(info),
    };
    load(cpu, &access, info, look);
}

/* QEMU 7.2 calls a callback that is registered for stores on loads, too, and one for loads on
 * stores only; one for both is called once for each. */
static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *data)
{
    if (qemu_plugin_mem_is_store(info)) {
        on_store(vcpu, info, va, data);
    } else {
        on_load(vcpu, info, va, data);
    }
}

void memory_start(void)
{
    recorder.zva_bytes = ZVA_BYTES_USUAL;
}

void memory_watch(struct qemu_plugin_insn *insn, uint64_t pc, uint64_t pc_pa)
{
    struct event_site *site =
        event_sites_get(&recorder.sites, &(struct event_site){.pc = pc, .pc_pa = pc_pa});
    if (site == NULL) {
        no_memory();
        return;
    }
    qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                     site);
}
