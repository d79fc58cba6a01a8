@ Entry of the image, the vectors, and the few routines that C can't express.
@ ARM DDI 0406C B1.8 (exceptions), B1.8.1 (vectors), A8.8 (instructions).

    .syntax unified
    .arch armv7ve
    .arm

    .equ MODE_FIQ, 0x11
    .equ MODE_IRQ, 0x12
    .equ MODE_SVC, 0x13
    .equ MODE_ABT, 0x17
    .equ MODE_UND, 0x1b
    .equ MODE_SYS, 0x1f
    .equ PSR_I, 0x80
    .equ PSR_F, 0x40
    .equ PSR_T, 0x20

    .section .text.start, "ax", %progbits
    .global _start
    .type _start, %function
_start:
    cpsid   aif, #MODE_SVC
    @ A warm restart may come with the MMU on; RAM is mapped flat, so switching it off here is safe.
    mrc     p15, 0, r0, c1, c0, 0
    bic     r0, r0, #0x2000         @ SCTLR.V: vectors at VBAR
    bic     r0, r0, #0x1000         @ I
    bic     r0, r0, #0x0005         @ C, M
    mcr     p15, 0, r0, c1, c0, 0
    isb
    ldr     r0, =vectors
    mcr     p15, 0, r0, c12, c0, 0

    cps     #MODE_FIQ
    ldr     sp, =stack_fiq_top
    cps     #MODE_IRQ
    ldr     sp, =stack_irq_top
    cps     #MODE_ABT
    ldr     sp, =stack_abt_top
    cps     #MODE_UND
    ldr     sp, =stack_und_top
    cps     #MODE_SVC
    ldr     sp, =stack_svc_top

    ldr     r0, =bss_start
    ldr     r1, =bss_end
    mov     r2, #0
    mov     r3, #0
1:  cmp     r0, r1
    strdlo  r2, r3, [r0], #8
    blo     1b

    bl      mmu_start
    bl      main
    b       halt
    .size _start, . - _start

    @ Entry of a CPU switched on by PSCI CPU_ON; r0 is the context: the top of its stacks (1 KiB per mode).
    .global secondary_start
    .type secondary_start, %function
secondary_start:
    cpsid   aif, #MODE_SVC
    mov     sp, r0
    sub     r1, r0, #2048
    sub     r2, r0, #3072
    cps     #MODE_ABT
    mov     sp, r1
    cps     #MODE_UND
    mov     sp, r2
    cps     #MODE_SVC
    ldr     r0, =vectors
    mcr     p15, 0, r0, c12, c0, 0
    bl      mmu_enable
    bl      secondary_main
    b       halt
    .size secondary_start, . - secondary_start

    .global halt
    .type halt, %function
halt:
    cpsid   if
1:  wfi
    b       1b
    .size halt, . - halt

    .section .text.vectors, "ax", %progbits
    .balign 32
    .global vectors
vectors:
    b       halt
    b       entry_undefined
    b       entry_svc
    b       entry_prefetch_abort
    b       entry_data_abort
    b       halt                    @ Hyp trap: never taken at PL1
    b       entry_irq
    b       entry_fiq

    @ Builds struct exception_frame (exception.h) on the stack of the exception's own mode.
    @ \adjust: what the preferred return address needs (DDI 0406C table B1-7).
    .macro  save_frame mode, adjust
    .if \adjust
    sub     lr, lr, #\adjust
    .endif
    srsdb   sp!, #\mode
    sub     sp, sp, #12
    push    {r0-r12}
    mrs     r4, spsr
    and     r5, r4, #0x1f
    cmp     r5, #0x10               @ User shares its registers with System
    moveq   r5, #MODE_SYS
    mrs     r6, cpsr
    cmp     r5, #\mode
    addeq   r7, sp, #72             @ taken from its own mode: sp before the frame, lr is lost
    moveq   r8, lr
    beq     1f
    orr     r5, r5, #(PSR_I | PSR_F)
    msr     cpsr_c, r5
    mov     r7, sp
    mov     r8, lr
    msr     cpsr_c, r6
1:  add     r9, sp, #52
    stm     r9, {r7, r8}
    .endm

    .macro  exception_entry name, mode, adjust, kind
    .type \name, %function
\name:
    save_frame \mode, \adjust
    mov     r0, sp
    mov     r1, #\kind
    bl      exception_dispatch
    clrex
    pop     {r0-r12}
    add     sp, sp, #12
    rfeia   sp!
    .size \name, . - \name
    .endm

    exception_entry entry_undefined, MODE_UND, 0, 0
    exception_entry entry_svc, MODE_SVC, 0, 1
    exception_entry entry_prefetch_abort, MODE_ABT, 4, 2
    exception_entry entry_data_abort, MODE_ABT, 8, 3
    exception_entry entry_fiq, MODE_FIQ, 4, 4

    @ IRQ saves only what the procedure call standard lets C destroy: it is the path whose latency counts.
    .type entry_irq, %function
entry_irq:
    sub     lr, lr, #4
    srsdb   sp!, #MODE_IRQ
    push    {r0-r3, r12, lr}
    bl      irq_dispatch
    clrex
    pop     {r0-r3, r12, lr}
    rfeia   sp!
    .size entry_irq, . - entry_irq

    .section .text.recovery, "ax", %progbits
    @ int recovery_set(struct recovery *): 0 at first, the value given to recovery_jump later.
    .global recovery_set
    .type recovery_set, %function
recovery_set:
    mov     r1, sp
    stm     r0, {r1, r4-r11, lr}
    mov     r0, #0
    bx      lr
    .size recovery_set, . - recovery_set

    .global recovery_jump
    .type recovery_jump, %function
recovery_jump:
    ldm     r0, {r2, r4-r11, lr}
    mov     sp, r2
    mov     r0, r1
    bx      lr
    .size recovery_jump, . - recovery_jump

    @ u32 psci_hvc(u32 function, u32 a1, u32 a2, u32 a3), and the same by SMC (ARM DEN 0022, DEN 0028).
    .arch_extension virt
    .arch_extension sec
    .global psci_hvc
    .type psci_hvc, %function
psci_hvc:
    hvc     #0
    bx      lr
    .size psci_hvc, . - psci_hvc

    .global psci_smc
    .type psci_smc, %function
psci_smc:
    smc     #0
    bx      lr
    .size psci_smc, . - psci_smc

    @ u32 semihosting_call(u32 operation, const void *block): A32 form (semihosting 2.0, 3.1).
    .global semihosting_call
    .type semihosting_call, %function
semihosting_call:
    push    {r4, lr}
    svc     #0x123456
    pop     {r4, pc}
    .size semihosting_call, . - semihosting_call

    .global provoke_svc
    .type provoke_svc, %function
provoke_svc:
    push    {r4, lr}
    svc     #0x41
    pop     {r4, pc}
    .size provoke_svc, . - provoke_svc

    .global provoke_undefined
    .type provoke_undefined, %function
provoke_undefined:
    udf     #0xa32
    bx      lr
    .size provoke_undefined, . - provoke_undefined
