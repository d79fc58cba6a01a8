#include "shell.h"

#include "arm.h"
#include "commands.h"
#include "exception.h"
#include "print.h"
#include "str.h"
#include "uart.h"

#define CTRL_C 3
#define CTRL_H 8
#define CTRL_U 21
#define ESCAPE 27
#define DELETE 127
#define LINE_SIZE 128

static char line[LINE_SIZE];

/* Cursor keys send ESC [ letter or ESC O letter; nothing here uses them. */
static void skip_escape_sequence(void)
{
    char c = uart_get();
    if (c != '[' && c != 'O')
        return;
    do
        c = uart_get();
    while (c < '@');
}

static void rub_out(u32 count)
{
    while (count-- > 0)
        print("\b \b");
}

/* False: cancelled with Ctrl-C. */
static bool read_line(void)
{
    u32 length = 0;

    for (;;) {
        char c = uart_get();
        switch (c) {
        case '\r':
        case '\n':
            line[length] = 0;
            print("\n");
            return true;
        case CTRL_C:
            print("^C\n");
            return false;
        case CTRL_U:
            rub_out(length);
            length = 0;
            break;
        case CTRL_H:
        case DELETE:
            if (length > 0) {
                rub_out(1);
                length--;
            }
            break;
        case ESCAPE:
            skip_escape_sequence();
            break;
        default:
            if (c >= ' ' && c < DELETE && length < LINE_SIZE - 1) {
                line[length++] = c;
                uart_put(c);
            }
        }
    }
}

static u32 split(const char **argv)
{
    u32 argc = 0;

    for (char *at = line; *at && argc < SHELL_MAX_ARGUMENTS;) {
        while (*at == ' ')
            *at++ = 0;
        if (*at)
            argv[argc++] = at;
        while (*at && *at != ' ')
            at++;
    }
    return argc;
}

bool shell_number(u32 argc, const char *const *argv, u32 index, u32 missing, u32 *value)
{
    *value = missing;
    return index >= argc || parse_u32(argv[index], value);
}

static const struct shell_command *command_at(u32 index)
{
    if (index < commands_board_count)
        return &commands_board[index];
    index -= commands_board_count;
    if (index < commands_devices_count)
        return &commands_devices[index];
    index -= commands_devices_count;
    return index < commands_iommu_count ? &commands_iommu[index] : NULL;
}

static const struct shell_command *find(const char *name)
{
    const struct shell_command *command;

    for (u32 i = 0; (command = command_at(i)); i++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}

static void help(void)
{
    const struct shell_command *command;

    for (u32 i = 0; (command = command_at(i)); i++)
        print("  %-9s %-34s %s\n", command->name, command->usage, command->help);
    print("  Numbers: 123, 0x7b, 0b1111011. Backspace, Ctrl-U and Ctrl-C edit the line.\n");
}

static failure run(u32 argc, const char *const *argv)
{
    struct recovery here;

    if (strcmp(argv[0], "help") == 0) {
        help();
        return NULL;
    }
    const struct shell_command *command = find(argv[0]);
    if (!command)
        return "unknown command, try help";
    if (recovery_set(&here) != 0) {
        irq_enable();
        return exception_last();
    }
    exception_recover_to(&here, false);
    uart_watch_cancel(true);
    failure reason = command->run(argc, argv);
    bool cancelled = uart_cancelled();
    uart_watch_cancel(false);
    exception_recover_to(NULL, false);
    return cancelled ? "cancelled" : reason;
}

void shell_run(void)
{
    const char *argv[SHELL_MAX_ARGUMENTS];

    for (;;) {
        print("armemu> ");
        if (!read_line())
            continue;
        u32 argc = split(argv);
        if (argc == 0)
            continue;
        failure reason = run(argc, argv);
        uart_watch_cancel(false);
        if (reason)
            print("=> fail: %s\n", reason);
        else
            print("=> ok\n");
    }
}
