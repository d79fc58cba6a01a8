/*
 * Into a vector's state and, by whatever exception ends it, back out of it. Everything here runs (partly) under the
 * vector's own translation tables, endianness and instruction set for exceptions, so it keeps to PC-relative data
 * in the mapped pages and to no register that it has not saved.
 */
#include "layout.h"
    .syntax unified
    .arch armv7ve
    .fpu neon-vfpv4
    .arm

    /* One exception stub: saves R0 to R12, leaves with R0 = vector number, R4 = CPSR.T (MRS reads it as zero, but the
       page tells). E may be set (SCTLR.EE) on the way in. */
    .macro stub number, page, thumb
stub_\page\()_\number:
    str     sp, sp_\page
    mrs     sp, cpsr
    setend  le
    str     sp, cpsr_\page
    ldr     sp, frame_\page
    stmia   sp, {r0-r12}
    mov     r0, #\number
    mov     r4, #\thumb
    ldr     r1, sp_\page
    ldr     r2, cpsr_\page
    sub     r3, pc, #(. + 8 - page_\page)
    ldr     pc, collect_\page
    .endm

    .macro page_data page
sp_\page:      .word 0
cpsr_\page:    .word 0
frame_\page:   .word frame
collect_\page: .word collect
    .endm

    .section .vectors, "ax"
page_a:
    b stub_a_0
    b stub_a_1
    b stub_a_2
    b stub_a_3
    b stub_a_4
    b stub_a_5
    b stub_a_6
    b stub_a_7
    page_data a
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    stub \n, a, 0
    .endr

    .balign 4096
page_t:
    .thumb
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    b.w thunk_\n
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    .balign 4
thunk_\n:
    .thumb
    bx pc
    nop
    .arm
    b stub_t_\n
    .thumb
    .endr
    .arm
    .balign 4
    page_data t
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    stub \n, t, 0x20
    .endr

    /* On a page without code: QEMU looks for translations to throw away at every store to a page that has some. */
    .section .frame, "aw"
    .global frame
frame:
    .space 4*STATE_WORDS
    .equ    ENTRY_PC, . - frame
    .word   0
    .equ    ENTRY_SCTLR, . - frame
    .word   0
    .equ    HARNESS_SP, . - frame
    .word   0

    .section .switch, "ax"
    .arm
    /* void enter(const uint32_t *state): returns when an exception ended the vector; the outcome is in `frame`. */
    .global enter
enter:
    push    {r4-r11, lr}
    ldr     r1, =frame
    str     sp, [r1, #HARNESS_SP]
    /* Floating point first, under the harness's own access rights. */
    ldr     r1, full_cpacr
    mcr     p15, 0, r1, c1, c0, 2
    isb
    mov     r1, #0x40000000
    vmsr    fpexc, r1
    ldr     r1, [r0, #4*W_FPSCR]
    vmsr    fpscr, r1
    add     r1, r0, #4*W_D0
    vldmia  r1!, {d0-d15}
    vldmia  r1, {d16-d31}
    ldr     r1, [r0, #4*W_FPEXC]
    vmsr    fpexc, r1
    ldr     r1, [r0, #4*W_CPACR]
    mcr     p15, 0, r1, c1, c0, 2
    ldr     r1, [r0, #4*W_TTBR0]
    ldr     r2, [r0, #4*W_TTBR0_HIGH]
    mcrr    p15, 0, r1, r2, c2
    ldr     r1, [r0, #4*W_TTBR1]
    ldr     r2, [r0, #4*W_TTBR1_HIGH]
    mcrr    p15, 1, r1, r2, c2
    ldr     r1, [r0, #4*W_TTBCR]
    mcr     p15, 0, r1, c2, c0, 2
    ldr     r1, [r0, #4*W_DACR]
    mcr     p15, 0, r1, c3, c0, 0
    ldr     r1, [r0, #4*W_PRRR]
    mcr     p15, 0, r1, c10, c2, 0
    ldr     r1, [r0, #4*W_NMRR]
    mcr     p15, 0, r1, c10, c2, 1
    ldr     r1, [r0, #4*W_VBAR]
    mcr     p15, 0, r1, c12, c0, 0
    ldr     r1, [r0, #4*W_CONTEXTIDR]
    mcr     p15, 0, r1, c13, c0, 1
    ldr     r1, [r0, #4*W_TPIDRURW]
    mcr     p15, 0, r1, c13, c0, 2
    ldr     r1, [r0, #4*W_TPIDRURO]
    mcr     p15, 0, r1, c13, c0, 3
    ldr     r1, [r0, #4*W_TPIDRPRW]
    mcr     p15, 0, r1, c13, c0, 4
    ldr     r1, [r0, #4*W_DFSR]
    mcr     p15, 0, r1, c5, c0, 0
    ldr     r1, [r0, #4*W_IFSR]
    mcr     p15, 0, r1, c5, c0, 1
    ldr     r1, [r0, #4*W_DFAR]
    mcr     p15, 0, r1, c6, c0, 0
    ldr     r1, [r0, #4*W_IFAR]
    mcr     p15, 0, r1, c6, c0, 2
    ldr     r1, [r0, #4*W_PAR]
    ldr     r2, [r0, #4*W_PAR_HIGH]
    mcrr    p15, 0, r1, r2, c7
    mov     r1, #0
    mcr     p15, 0, r1, c8, c7, 0       /* TLBIALL */
    mcr     p15, 0, r1, c7, c5, 0       /* ICIALLU */
    clrex

    /* The banks, one mode after the other. */
    .macro bank mode, sp, lr, spsr
    cps     #\mode
    ldr     sp, [r0, #4*\sp]
    ldr     lr, [r0, #4*\lr]
    ldr     r1, [r0, #4*\spsr]
    msr     spsr_fsxc, r1
    .endm
    cps     #0x11
    add     r1, r0, #4*W_R8_FIQ
    ldmia   r1, {r8-r12}
    bank    0x11, W_SP_FIQ, W_LR_FIQ, W_SPSR_FIQ
    bank    0x12, W_SP_IRQ, W_LR_IRQ, W_SPSR_IRQ
    bank    0x13, W_SP_SVC, W_LR_SVC, W_SPSR_SVC
    bank    0x17, W_SP_ABT, W_LR_ABT, W_SPSR_ABT
    bank    0x1b, W_SP_UND, W_LR_UND, W_SPSR_UND
    cps     #0x1f
    ldr     sp, [r0, #4*W_SP_USR]
    ldr     lr, [r0, #4*W_LR_USR]

    /* The jump leaves from Abort mode, or from Undefined mode when Abort mode is the vector's own. */
    ldr     r1, [r0, #4*W_CPSR]
    and     r2, r1, #0x1f
    cmp     r2, #0x17
    ldreq   r3, =0x1db
    ldrne   r3, =0x1d7
    msr     cpsr_c, r3
    msr     spsr_fsxc, r1
    ldr     lr, =frame
    ldr     r1, [r0, #4*W_PC]
    str     r1, [lr, #ENTRY_PC]
    ldr     r2, [r0, #4*W_SCTLR]
    str     r2, [lr, #ENTRY_SCTLR]
    ldmia   r0, {r0-r12}
    stmia   lr, {r0-r12}
    ldr     r0, [lr, #ENTRY_SCTLR]
    mcr     p15, 0, r0, c1, c0, 0
    isb
    ldmia   lr, {r0-r12}
    ldr     lr, [lr, #ENTRY_PC]
    movs    pc, lr

    .ltorg
base_sctlr:  .word 0x00c50078
full_cpacr:  .word 0x00f00000

    /* R0 = vector number, R1 = SP of the exception mode (byte-reversed if R2.E), R2 = CPSR on entry, R3 = page,
       R4 = its T, SP = frame, which already has R0 to R12. */
collect:
    tst     r2, #0x200
    revne   r1, r1
    orr     r2, r2, r4
    mrc     p15, 0, r4, c1, c0, 0
    str     r4, [sp, #4*W_SCTLR]
    ldr     r4, base_sctlr
    mcr     p15, 0, r4, c1, c0, 0
    isb
    add     r3, r3, r0, lsl #2
    str     r3, [sp, #4*W_PC]
    str     r2, [sp, #4*W_CPSR]
    mov     r0, sp
    and     r3, r2, #0x1f

    .macro unbank mode, sp, lr, spsr
    cps     #\mode
    str     sp, [r0, #4*\sp]
    str     lr, [r0, #4*\lr]
    mrs     r4, spsr
    str     r4, [r0, #4*\spsr]
    .endm
    cps     #0x11
    add     r4, r0, #4*W_R8_FIQ
    stmia   r4, {r8-r12}
    unbank  0x11, W_SP_FIQ, W_LR_FIQ, W_SPSR_FIQ
    unbank  0x12, W_SP_IRQ, W_LR_IRQ, W_SPSR_IRQ
    unbank  0x13, W_SP_SVC, W_LR_SVC, W_SPSR_SVC
    unbank  0x17, W_SP_ABT, W_LR_ABT, W_SPSR_ABT
    unbank  0x1b, W_SP_UND, W_LR_UND, W_SPSR_UND
    cps     #0x1f
    str     sp, [r0, #4*W_SP_USR]
    str     lr, [r0, #4*W_LR_USR]
    cps     #0x13
    ldr     sp, [r0, #HARNESS_SP]

    /* The stub used SP of the exception's own mode. */
    cmp     r3, #0x11
    streq   r1, [r0, #4*W_SP_FIQ]
    cmp     r3, #0x12
    streq   r1, [r0, #4*W_SP_IRQ]
    cmp     r3, #0x13
    streq   r1, [r0, #4*W_SP_SVC]
    cmp     r3, #0x17
    streq   r1, [r0, #4*W_SP_ABT]
    cmp     r3, #0x1b
    streq   r1, [r0, #4*W_SP_UND]

    .macro keep word, crn, crm, opc2
    mrc     p15, 0, r4, \crn, \crm, \opc2
    str     r4, [r0, #4*\word]
    .endm
    mrrc    p15, 0, r4, r5, c2
    str     r4, [r0, #4*W_TTBR0]
    str     r5, [r0, #4*W_TTBR0_HIGH]
    mrrc    p15, 1, r4, r5, c2
    str     r4, [r0, #4*W_TTBR1]
    str     r5, [r0, #4*W_TTBR1_HIGH]
    keep    W_TTBCR, c2, c0, 2
    keep    W_DACR, c3, c0, 0
    keep    W_PRRR, c10, c2, 0
    keep    W_NMRR, c10, c2, 1
    keep    W_VBAR, c12, c0, 0
    keep    W_CONTEXTIDR, c13, c0, 1
    keep    W_TPIDRURW, c13, c0, 2
    keep    W_TPIDRURO, c13, c0, 3
    keep    W_TPIDRPRW, c13, c0, 4
    keep    W_DFSR, c5, c0, 0
    keep    W_IFSR, c5, c0, 1
    keep    W_DFAR, c6, c0, 0
    keep    W_IFAR, c6, c0, 2
    mrrc    p15, 0, r4, r5, c7
    str     r4, [r0, #4*W_PAR]
    str     r5, [r0, #4*W_PAR_HIGH]
    keep    W_CPACR, c1, c0, 2
    ldr     r4, full_cpacr
    mcr     p15, 0, r4, c1, c0, 2
    isb
    vmrs    r4, fpexc
    str     r4, [r0, #4*W_FPEXC]
    mov     r4, #0x40000000
    vmsr    fpexc, r4
    vmrs    r4, fpscr
    str     r4, [r0, #4*W_FPSCR]
    add     r4, r0, #4*W_D0
    vstmia  r4!, {d0-d15}
    vstmia  r4, {d16-d31}
    /* A vector may have switched translation to the long format or moved things: start over from the reset values. */
    mov     r4, #0
    mcr     p15, 0, r4, c2, c0, 2
    pop     {r4-r11, pc}

    .section .text.reset, "ax"
    .global reset
reset:
    mrs     r0, cpsr
    and     r1, r0, #0x1f
    cmp     r1, #0x1a
    bne     1f
    /* With the Virtualization Extensions a CPU starts in Hyp mode. Nothing is trapped (HCR is 0): down to where it
       would have started. */
    mov     r1, #0x1d3
    msr     spsr_fsxc, r1
    adr     r1, 1f
    msr     elr_hyp, r1
    eret
1:  mov     r7, r0
    cpsid   aif, #0x13
    ldr     sp, =0x40180000
    bl      run_vectors
    ldr     r0, =0x84000008             /* PSCI SYSTEM_OFF, by the conduit that the board has in this setting */
    and     r7, r7, #0x1f
    cmp     r7, #0x1a
    .arch_extension sec
    .arch_extension virt
    beq     2f
    hvc     #0
2:  smc     #0
    b       .
    .ltorg
