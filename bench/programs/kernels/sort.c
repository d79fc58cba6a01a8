/* Sorting by a function that is passed in, merge sort of a linked list, and a search tree: calls and pointers. */
#include "kernel.h"

#define LENGTH 2048u

struct item {
    struct item *next;
    u32 key;
};
struct node {
    struct node *less, *more;
    u32 key, count;
};
typedef int (*before)(u32, u32);

static u32 keys[LENGTH];
static struct item items[LENGTH];
static struct node nodes[LENGTH];

static int __attribute__((noinline)) ascending(u32 x, u32 y)
{
    return x < y;
}

static int __attribute__((noinline)) by_low_bits(u32 x, u32 y)
{
    u32 low_x = x & 0xfff, low_y = y & 0xfff;
    return low_x != low_y ? low_x < low_y : x < y;
}

static void __attribute__((noinline)) quick_sort(u32 *low, u32 *high, before comes_before)
{
    while (low < high) {
        u32 pivot = low[(high - low) / 2], *i = low, *j = high;
        while (i <= j) {
            while (comes_before(*i, pivot))
                i++;
            while (comes_before(pivot, *j))
                j--;
            if (i <= j) {
                u32 moved = *i;
                *i++ = *j;
                *j-- = moved;
            }
        }
        if (j - low < high - i) {
            quick_sort(low, j, comes_before);
            low = i;
        } else {
            quick_sort(i, high, comes_before);
            high = j;
        }
    }
}

static struct item *__attribute__((noinline)) merge(struct item *x, struct item *y)
{
    struct item head, *tail = &head;

    while (x && y) {
        if (x->key <= y->key) {
            tail->next = x;
            x = x->next;
        } else {
            tail->next = y;
            y = y->next;
        }
        tail = tail->next;
    }
    tail->next = x ? x : y;
    return head.next;
}

static struct item *__attribute__((noinline)) merge_sort(struct item *list, u32 length)
{
    if (length == 1) {
        list->next = 0;
        return list;
    }
    struct item *second = list;
    for (u32 i = 0; i < length / 2; i++)
        second = second->next;
    second = merge_sort(second, length - length / 2);
    return merge(merge_sort(list, length / 2), second);
}

static struct node *__attribute__((noinline)) insert(struct node *tree, struct node *new)
{
    if (!tree)
        return new;
    if (new->key == tree->key)
        tree->count++;
    else if (new->key < tree->key)
        tree->less = insert(tree->less, new);
    else
        tree->more = insert(tree->more, new);
    return tree;
}

static u32 __attribute__((noinline)) sum_tree(const struct node *tree, u32 depth)
{
    if (!tree)
        return depth;
    return sum_tree(tree->less, depth + 1) * 17 + tree->key * tree->count + sum_tree(tree->more, depth + 1);
}

u32 kernel(u32 rounds)
{
    u32 seed = 0x9d2c5680, result = 0;

    while (rounds-- > 0) {
        struct node *tree = 0;
        for (u32 i = 0; i < LENGTH; i++) {
            keys[i] = next_random(&seed);
            items[i] = (struct item){i + 1 < LENGTH ? &items[i + 1] : 0, keys[i] >> 7};
            nodes[i] = (struct node){0, 0, keys[i] >> 19, 1};
            tree = insert(tree, &nodes[i]);
        }
        quick_sort(keys, keys + LENGTH - 1, ascending);
        quick_sort(keys, keys + LENGTH - 1, by_low_bits);
        for (u32 i = 0; i < LENGTH; i++)
            result = result * 17 + (keys[i] >> 3);
        for (const struct item *at = merge_sort(items, LENGTH); at; at = at->next)
            result = (result << 5) - result + at->key;
        result ^= sum_tree(tree, 0);
    }
    return result;
}
