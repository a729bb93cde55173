#include "shelf.h"

static volatile int work;

extern const int shelf_template_line = __LINE__ + 5;
namespace shop {
template <class Item> struct Cart {
    __attribute__((noinline)) void add(Item item, shelf_capture *capture) {
        work += item;
        capture();
        work++;
    }
};
} // namespace shop

extern const int shelf_unnamed_line = __LINE__ + 4;
namespace {
__attribute__((noinline)) void check(shelf_capture *capture) {
    work++;
    capture();
    work++;
}
} // namespace

void shelf_template(shelf_capture *capture) {
    shop::Cart<int>().add(1, capture);
}

void shelf_unnamed(shelf_capture *capture) {
    check(capture);
}
