/* FUNCTIONS functions of 64 instructions or so, none like another. Each is called ROUNDS times, then the next: what a
 * translator pays for code that it has not seen shows beside the same work in few functions.
 * uint32_t kernel(uint32_t rounds) */
        .syntax unified
        .arm
        .text
        .global kernel
        .type   kernel, %function
kernel: push    {r4-r9, lr}
        mov     r4, r0
        ldr     r5, =functions
        ldr     r6, =FUNCTIONS
        ldr     r7, =data
        mov     r8, #1
1:      mov     r9, r4
2:      mov     r0, r7
        mov     r1, r8
        blx     r5
        mov     r8, r1
        subs    r9, r9, #1
        bne     2b
        add     r5, r5, #FUNCTION_BYTES
        subs    r6, r6, #1
        bne     1b
        mov     r0, r8
        pop     {r4-r9, pc}
        .ltorg

        .set    count, 0
        .balign 64
functions:
        .rept   FUNCTIONS
        .rept   8
        ldr     r2, [r0, #(count * 52) & 0xffc]
        add     r3, r2, r1, lsl #(count % 29) + 1
        eor     r1, r3, r2, ror #(count % 27) + 1
        tst     r1, #1 << (count % 24)
        beq     1f
        sub     r1, r1, #count & 0xff
        str     r3, [r0, #(count * 36) & 0xffc]
1:      orr     r1, r1, #(count >> 8) & 0xff
        .set    count, count + 1
        .endr
        bx      lr
        .endr
        .equ    FUNCTION_BYTES, 65 * 4

        .bss
        .balign 4096
data:   .space  4096
