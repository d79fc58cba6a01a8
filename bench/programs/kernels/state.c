/* A scanner over 16 KiB of generated text: a state machine of a dozen states, then a small byte-code machine. */
#include "kernel.h"

#define LENGTH 16384u
#define PROGRAM 512u

enum state { BLANK, WORD, ZERO, NUMBER, HEX, STRING, ESCAPED, SLASH, COMMENT, STAR, OPERATOR, LINE_END };
enum code { PUSH, ADD, SUBTRACT, EXCLUSIVE_OR, SHIFT, SWAP, LOAD, STORE, SKIP_IF_ODD, CODES };

static u8 text[LENGTH];
static u8 program[PROGRAM];
static u32 counts[12];
static u32 variables[16];

static u32 __attribute__((noinline)) scan(u32 value)
{
    enum state state = BLANK;

    for (u32 i = 0; i < LENGTH; i++) {
        u32 c = text[i];
        int digit = c - '0' < 10, letter = c - 'a' < 26;
        counts[state]++;
        switch (state) {
        case BLANK:
        case OPERATOR:
        case LINE_END:
            if (letter)
                state = WORD;
            else if (c == '0')
                state = ZERO;
            else if (digit)
                state = NUMBER;
            else if (c == '"')
                state = STRING;
            else if (c == '/')
                state = SLASH;
            else
                state = c == '\n' ? LINE_END : c == ' ' ? BLANK : OPERATOR;
            break;
        case WORD:
            value = value * 33 + c;
            if (!letter && !digit)
                state = BLANK;
            break;
        case ZERO:
            state = c == 'x' ? HEX : digit ? NUMBER : BLANK;
            break;
        case NUMBER:
            if (digit)
                value = value * 10 + (c - '0');
            else
                state = letter ? WORD : OPERATOR;
            break;
        case HEX:
            if (digit)
                value = (value << 4) + (c - '0');
            else if (c - 'a' < 6)
                value = (value << 4) + (c - 'a' + 10);
            else
                state = BLANK;
            break;
        case STRING:
            if (c == '"')
                state = BLANK;
            else if (c == '\\')
                state = ESCAPED;
            break;
        case ESCAPED:
            value ^= c << 7;
            state = STRING;
            break;
        case SLASH:
            state = c == '*' ? COMMENT : OPERATOR;
            break;
        case COMMENT:
            if (c == '*')
                state = STAR;
            break;
        case STAR:
            state = c == '/' ? BLANK : c == '*' ? STAR : COMMENT;
            break;
        }
    }
    return value;
}

static u32 __attribute__((noinline)) execute(u32 top)
{
    u32 second = ~top;

    for (u32 at = 0; at < PROGRAM; at++) {
        u32 operand = program[at] >> 4;
        switch ((enum code)(program[at] & 15)) {
        case PUSH:
            second = top;
            top = operand;
            break;
        case ADD:
            top += second + operand;
            break;
        case SUBTRACT:
            top = second - top;
            break;
        case EXCLUSIVE_OR:
            top ^= second;
            break;
        case SHIFT:
            top = (top << operand) | (second >> (31 - operand));
            break;
        case SWAP: {
            u32 old = top;
            top = second;
            second = old;
            break;
        }
        case LOAD:
            second = top;
            top = variables[operand];
            break;
        case STORE:
            variables[operand] += top;
            break;
        case SKIP_IF_ODD:
            at += top & 1;
            break;
        case CODES:
            break;
        }
    }
    return top ^ second;
}

u32 kernel(u32 rounds)
{
    static const char alphabet[32] = "abcdeffx  0129\n\n\"\"\\//**=+-;7zqk";
    u32 seed = 0x1b873593, value = 0;

    for (u32 i = 0; i < LENGTH; i++)
        text[i] = (u8)alphabet[next_random(&seed) % sizeof alphabet];
    for (u32 i = 0; i < PROGRAM; i++)
        program[i] = (u8)((next_random(&seed) % CODES) | (next_random(&seed) & 0xf0));
    while (rounds-- > 0) {
        value = scan(value);
        for (u32 i = 0; i < 16; i++)
            value = execute(value);
        text[value % LENGTH] = (u8)alphabet[value % sizeof alphabet];
    }
    for (u32 i = 0; i < sizeof counts / sizeof *counts; i++)
        value = value * 1000003 + counts[i];
    return value;
}
