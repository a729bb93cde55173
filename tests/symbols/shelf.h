/* shelf.h - a small library whose frames a test knows: who called, from which line. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* Takes the address a call returns to, from within the function that was called. */
typedef void shelf_capture(void);

/* Calls capture from a function that is inlined twice. */
void shelf_inlined(shelf_capture *capture);
/* Calls it from a static function that is not inlined. */
void shelf_hidden(shelf_capture *capture);
/* Calls it from a method of a template in a namespace, and from an unnamed namespace. */
void shelf_template(shelf_capture *capture);
void shelf_unnamed(shelf_capture *capture);

/* The lines of those calls. */
extern const int shelf_innermost_line, shelf_middle_line, shelf_outer_line, shelf_hidden_line;
extern const int shelf_template_line, shelf_unnamed_line;

#ifdef __cplusplus
}
#endif
