/* Start of a bare-metal kernel on `virt`: flat 1 MiB sections, MMU and caches on, kernel(ROUNDS), its result on the
 * PL011, PSCI's SYSTEM_OFF. Sections as in ARM DDI 0406C B3.5.1, system registers as in B4.1. */
        .syntax unified
        .arch_extension virt
        .arm

        .equ    PL011, 0x09000000
        .equ    SYSTEM_OFF, 0x84000008
        .equ    DEVICE_SECTION, 0x00000416      @ Device, execute-never, read and write at PL1
        .equ    NORMAL_SECTION, 0x0001140e      @ Normal write-back write-allocate shareable, read and write at PL1
        .equ    FIRST_RAM_SECTION, 0x400
        .equ    LAST_RAM_SECTION, 0x480         @ 128 MiB, the smallest RAM that is measured
        .equ    WALKS_CACHEABLE, 0x4a

        .section .text.start, "ax"
        .global _start
_start: cpsid   aif
        ldr     r0, =vectors
        mcr     p15, 0, r0, c12, c0, 0          @ VBAR
        ldr     sp, =stack_top

        ldr     r0, =translation_table
        mov     r1, #0
        ldr     r2, =DEVICE_SECTION
        ldr     r3, =NORMAL_SECTION
map:    cmp     r1, #FIRST_RAM_SECTION
        orrlo   r4, r2, r1, lsl #20
        orrhs   r4, r3, r1, lsl #20
        str     r4, [r0, r1, lsl #2]
        add     r1, r1, #1
        cmp     r1, #LAST_RAM_SECTION
        blo     map
        dsb

        orr     r0, r0, #WALKS_CACHEABLE
        mcr     p15, 0, r0, c2, c0, 0           @ TTBR0
        mov     r0, #0
        mcr     p15, 0, r0, c2, c0, 2           @ TTBCR
        mcr     p15, 0, r0, c8, c7, 0           @ TLBIALL
        mcr     p15, 0, r0, c7, c5, 0           @ ICIALLU
        mcr     p15, 0, r0, c7, c5, 6           @ BPIALL
        mov     r0, #1
        mcr     p15, 0, r0, c3, c0, 0           @ DACR: domain 0 is a client
        dsb
        isb
        mrc     p15, 0, r0, c1, c0, 0           @ SCTLR
        orr     r0, r0, #0x1800                 @ I, Z
        orr     r0, r0, #0x5                    @ C, M
        mcr     p15, 0, r0, c1, c0, 0
        isb

        ldr     r0, =ROUNDS
        ldr     r1, =kernel
        blx     r1

        ldr     r1, =PL011
        adr     r2, label
1:      ldrb    r3, [r2], #1
        cmp     r3, #0
        strne   r3, [r1]
        bne     1b
        mov     r2, #8
2:      ror     r0, r0, #28
        and     r3, r0, #15
        cmp     r3, #10
        addlo   r3, r3, #'0'
        addhs   r3, r3, #'a' - 10
        str     r3, [r1]
        subs    r2, r2, #1
        bne     2b
        mov     r3, #'\n'
        str     r3, [r1]
off:    ldr     r0, =SYSTEM_OFF
        hvc     #0
        b       off
label:  .asciz  "checksum "
        .ltorg

        /* Any exception: off without a checksum, which the benchmark reports. */
        .balign 32
vectors:
        .rept   8
        b       off
        .endr

        .section .bss
        .balign 16384
translation_table:
        .space  16384
        .balign 8
        .space  65536
stack_top:
