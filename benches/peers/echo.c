/* A skill as small as can be: writes back what it reads. Linked statically, so that starting it is the
 * kernel's work and not a dynamic loader's. */
#include <unistd.h>

int main(void) {
    char buffer[65536];
    ssize_t length;
    while ((length = read(0, buffer, sizeof buffer)) > 0) {
        if (write(1, buffer, length) != length) {
            return 1;
        }
    }
    return length != 0;
}
