/* Scripts are plain lists of cases: what they complete was decided in verb_table.h. Names of
 * shipped scenarios are asked of the program when they are wanted. */
#include "completion.h"

#include <stdlib.h>
#include <string.h>

#include "verb_table.h"
#include "verbs.h"

/* Within single quotes of a shell. */
static void put_quoted(FILE *to, const char *text) {
    fputc('\'', to);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", to);
        else
            fputc(*text, to);
    fputc('\'', to);
}

/* ---- bash ---- */

static void print_bash_action(FILE *to, enum sm_complete complete, const char *words) {
    char *known = sm_verb_words(complete, words);
    switch (complete) {
    case SM_COMPLETE_WORDS:
    case SM_COMPLETE_FORMATS:
        fprintf(to, "COMPREPLY=($(compgen -W '%s' -- \"$cur\"))", known ? known : "");
        break;
    case SM_COMPLETE_FILE:
        fputs("COMPREPLY=($(compgen -f -- \"$cur\")); compopt -o filenames", to);
        break;
    case SM_COMPLETE_DIRECTORY:
        fputs("COMPREPLY=($(compgen -d -- \"$cur\")); compopt -o filenames", to);
        break;
    case SM_COMPLETE_SCENARIO:
        fputs("COMPREPLY=($(compgen -f -W \"$(spillmark list 2>/dev/null | grep '^[^ ]')\" -- "
              "\"$cur\"))",
              to);
        break;
    case SM_COMPLETE_COMMAND:
        fputs("COMPREPLY=($(compgen -c -- \"$cur\"))", to);
        break;
    case SM_COMPLETE_NOTHING:
        fputs(":", to);
        break;
    }
    free(known);
}

static void print_bash_verb(FILE *to, const struct sm_verb *verb) {
    fprintf(to, "    %s)\n        case $prev in\n", verb->name);
    for (const struct sm_verb_option *o = verb->options; o->name; o++) {
        if (!o->value || o->value_may_lack)
            continue;
        fprintf(to, "        --%s", o->name);
        if (o->has_short)
            fprintf(to, "|-%c", o->letter);
        fputs(") ", to);
        print_bash_action(to, o->complete, o->words);
        fputs("; return ;;\n", to);
    }
    fputs("        esac\n        if [[ $cur == -* ]]; then\n"
          "            COMPREPLY=($(compgen -W '",
          to);
    for (const struct sm_verb_option *o = verb->options; o->name; o++)
        fprintf(to, "--%s ", o->name);
    fputs("--help' -- \"$cur\"))\n        else\n            ", to);
    print_bash_action(to, verb->complete, NULL);
    fputs("\n        fi ;;\n", to);
}

static void print_bash(FILE *to) {
    fputs("# bash completion for spillmark\n"
          "_spillmark() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    if [[ $COMP_CWORD -eq 1 ]]; then\n"
          "        COMPREPLY=($(compgen -W '",
          to);
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++)
        fprintf(to, "%s ", verb->name);
    fputs("--help --version' -- \"$cur\"))\n        return\n    fi\n"
          "    local i\n"
          "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
          "        if [[ ${COMP_WORDS[1]} == probe && ${COMP_WORDS[i]} == -- ]] &&\n"
          "            declare -F _command_offset >/dev/null; then\n"
          "            _command_offset $((i + 1))\n"
          "            return\n        fi\n    done\n"
          "    case ${COMP_WORDS[1]} in\n",
          to);
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++)
        print_bash_verb(to, verb);
    fputs("    esac\n}\ncomplete -F _spillmark spillmark\n", to);
}

/* ---- zsh ---- */

static void print_zsh_action(FILE *to, enum sm_complete complete, const char *words) {
    char *known = sm_verb_words(complete, words);
    if (known)
        fprintf(to, "(%s)", known);
    else
        fputs(complete == SM_COMPLETE_FILE        ? "_files"
              : complete == SM_COMPLETE_DIRECTORY ? "_files -/"
              : complete == SM_COMPLETE_SCENARIO  ? "_spillmark_scenarios"
              : complete == SM_COMPLETE_COMMAND   ? "_normal"
                                                  : "",
              to);
    free(known);
}

/* An argument of _arguments, in whose texts brackets and colons would mean something. */
static void put_zsh_text(FILE *to, const char *text) {
    for (; *text; text++) {
        if (strchr("[]:\\", *text))
            fputc('\\', to);
        if (*text == '\'')
            fputs("'\\''", to);
        else
            fputc(*text, to);
    }
}

static void print_zsh_option(FILE *to, const struct sm_verb_option *o, const char *dashed,
                             int is_long) {
    fprintf(to, " \\\n            '%s%s%s[", o->may_repeat ? "*" : "", dashed,
            !o->value || !is_long ? ""
            : o->value_may_lack   ? "=-"
                                  : "=");
    put_zsh_text(to, o->help);
    fputc(']', to);
    if (o->value) {
        fputs(o->value_may_lack ? "::" : ":", to);
        put_zsh_text(to, o->value);
        fputc(':', to);
        print_zsh_action(to, o->complete, o->words);
    }
    fputc('\'', to);
}

static void print_zsh_verb(FILE *to, const struct sm_verb *verb) {
    fprintf(to, "        %s)\n            _arguments -S", verb->name);
    for (const struct sm_verb_option *o = verb->options; o->name; o++) {
        char dashed[64] = {'-', o->letter};
        if (o->has_short)
            print_zsh_option(to, o, dashed, 0);
        snprintf(dashed, sizeof dashed, "--%s", o->name);
        print_zsh_option(to, o, dashed, 1);
    }
    if (verb->complete == SM_COMPLETE_COMMAND) {
        fputs(" \\\n            '(-)1:command: _command_names -e' \\\n            "
              "'*::arguments:_normal'",
              to);
    } else if (verb->operands[0]) {
        fputs(" \\\n            '*:", to);
        put_zsh_text(to, verb->operands);
        fputc(':', to);
        print_zsh_action(to, verb->complete, NULL);
        fputc('\'', to);
    }
    fputs(" ;;\n", to);
}

static void print_zsh(FILE *to) {
    fputs("#compdef spillmark\n"
          "_spillmark_scenarios() {\n"
          "    local -a names=(${(f)\"$(spillmark list 2>/dev/null | grep '^[^ ]')\"})\n"
          "    _alternative 'names:scenario:compadd -a names' 'files:file:_files -g \"*.lua\"'\n"
          "}\n"
          "_spillmark() {\n    local line state\n    local -a verbs=(\n",
          to);
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++) {
        fprintf(to, "        '%s:", verb->name);
        put_zsh_text(to, verb->summary);
        fputs("'\n", to);
    }
    fputs("    )\n    if (( CURRENT == 2 )); then\n        _describe verb verbs\n        return\n"
          "    fi\n    shift words\n    (( CURRENT-- ))\n    case $words[1] in\n",
          to);
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++)
        print_zsh_verb(to, verb);
    fputs("    esac\n}\n_spillmark \"$@\"\n", to);
}

/* ---- fish ---- */

static void print_fish_values(FILE *to, enum sm_complete complete, const char *words) {
    char *known = sm_verb_words(complete, words);
    if (known) {
        fputs(" -a ", to);
        put_quoted(to, known);
    } else if (complete == SM_COMPLETE_FILE) {
        fputs(" -F", to);
    } else if (complete == SM_COMPLETE_DIRECTORY) {
        fputs(" -a '(__fish_complete_directories)'", to);
    } else if (complete == SM_COMPLETE_SCENARIO) {
        fputs(" -F -a '(spillmark list 2>/dev/null | string match -r \"^[^ ].*\")'", to);
    } else if (complete == SM_COMPLETE_COMMAND) {
        fputs(" -a '(__fish_complete_subcommand)'", to);
    }
    free(known);
}

static void print_fish(FILE *to) {
    fputs("complete -c spillmark -f\n"
          "complete -c spillmark -n __fish_use_subcommand -l help -d 'what there is'\n"
          "complete -c spillmark -n __fish_use_subcommand -l version -d 'which one this is'\n",
          to);
    for (const struct sm_verb *verb = sm_verb_table; verb->name; verb++) {
        fprintf(to, "complete -c spillmark -n __fish_use_subcommand -a %s -d ", verb->name);
        put_quoted(to, verb->summary);
        fputc('\n', to);
        for (const struct sm_verb_option *o = verb->options; o->name; o++) {
            fprintf(to, "complete -c spillmark -n '__fish_seen_subcommand_from %s' -l %s",
                    verb->name, o->name);
            if (o->has_short)
                fprintf(to, " -s %c", o->letter);
            if (o->value && !o->value_may_lack)
                fputs(o->complete == SM_COMPLETE_FILE ? " -r" : " -x", to);
            fputs(" -d ", to);
            put_quoted(to, o->help);
            print_fish_values(to, o->complete, o->words);
            fputc('\n', to);
        }
        if (verb->complete == SM_COMPLETE_NOTHING)
            continue;
        fprintf(to, "complete -c spillmark -n '__fish_seen_subcommand_from %s'", verb->name);
        print_fish_values(to, verb->complete, NULL);
        fputc('\n', to);
    }
}

int sm_completion_print(const char *shell, FILE *to) {
    static const struct {
        const char *name;
        void (*print)(FILE *to);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].print(to);
            return ferror(to) ? SM_STATUS_BROKEN : SM_STATUS_OK;
        }
    fprintf(stderr, "spillmark --completion: no shell \"%s\"; bash, zsh or fish\n", shell);
    return SM_STATUS_USAGE;
}
