/* Entry of a static Linux program without a C library, and its system calls (arch/arm: number in R7, SVC #0). */
        .syntax unified
        .arm
        .text
        .global _start
_start: ldr     r0, [sp]                @ argc
        add     r1, sp, #4              @ argv
        bl      program
        mov     r7, #1                  @ exit
        svc     #0

/* long system_call(long number, long a, long b, long c, long d, long e, long f) */
        .global system_call
        .type   system_call, %function
system_call:
        push    {r4, r5, r7, lr}
        mov     r7, r0
        mov     r0, r1
        mov     r1, r2
        mov     r2, r3
        ldr     r3, [sp, #16]
        ldr     r4, [sp, #20]
        ldr     r5, [sp, #24]
        svc     #0
        pop     {r4, r5, r7, pc}
        .size   system_call, . - system_call
