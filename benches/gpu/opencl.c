/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * opencl await|trivial|requeue [items]: what PoCL takes for the same, through OpenCL: a dispatch of one item, completed and its result read
 * back; many items that each compute a word, written, run and read back; items that go on in a loop of launches.
 */
#define CL_TARGET_OPENCL_VERSION 120
#include "measure.h"

#include <CL/cl.h>

static const char *SOURCE =
    "kernel void trivial(global const uint *in, global uint *out) { size_t i = get_global_id(0); out[i] = in[i] * 3 + 1; }\n"
    "kernel void again(global uint *state) { size_t i = get_global_id(0); state[i] += 1; }\n";

static cl_context context;
static cl_command_queue queue;
static cl_kernel trivial, once_more;

static void open_device(void) {
    cl_platform_id platform;
    cl_device_id device;
    cl_int status = CL_SUCCESS;
    char name[256] = "";
    REQUIRE(clGetPlatformIDs(1, &platform, NULL) == CL_SUCCESS);
    REQUIRE(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL) == CL_SUCCESS);
    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof name, name, NULL);
    fprintf(stderr, "%s\n", name);
    context = clCreateContext(NULL, 1, &device, NULL, NULL, &status);
    REQUIRE(status == CL_SUCCESS);
    queue = clCreateCommandQueue(context, device, 0, &status);
    REQUIRE(status == CL_SUCCESS);
    cl_program program = clCreateProgramWithSource(context, 1, &SOURCE, NULL, &status);
    REQUIRE(status == CL_SUCCESS && clBuildProgram(program, 1, &device, "", NULL, NULL) == CL_SUCCESS);
    trivial = clCreateKernel(program, "trivial", &status);
    REQUIRE(status == CL_SUCCESS);
    once_more = clCreateKernel(program, "again", &status);
    REQUIRE(status == CL_SUCCESS);
}

static cl_mem buffer(size_t bytes) {
    cl_int status;
    cl_mem made = clCreateBuffer(context, CL_MEM_READ_WRITE, bytes, NULL, &status);
    REQUIRE(status == CL_SUCCESS);
    return made;
}

/* Written, run and read back, `items` words at once. */
static void compute(size_t items, int least, double seconds) {
    const size_t bytes = items * sizeof(cl_uint);
    cl_mem in = buffer(bytes), out = buffer(bytes);
    cl_uint *words = malloc(bytes), *results = malloc(bytes);
    REQUIRE(words && results);
    for (size_t i = 0; i < items; i++) words[i] = (cl_uint)i;
    REQUIRE(clSetKernelArg(trivial, 0, sizeof in, &in) == CL_SUCCESS && clSetKernelArg(trivial, 1, sizeof out, &out) == CL_SUCCESS);
    samples times = {0};
    const int64_t began = now_ns();
    do {
        const int64_t start = now_ns();
        REQUIRE(clEnqueueWriteBuffer(queue, in, CL_FALSE, 0, bytes, words, 0, NULL, NULL) == CL_SUCCESS);
        REQUIRE(clEnqueueNDRangeKernel(queue, trivial, 1, NULL, &items, NULL, 0, NULL, NULL) == CL_SUCCESS);
        REQUIRE(clEnqueueReadBuffer(queue, out, CL_TRUE, 0, bytes, results, 0, NULL, NULL) == CL_SUCCESS);
        sample(&times, now_ns() - start);
        words[0] += 1;
    } while (!enough(&times, least, began, seconds));
    words[0] -= 1;
    for (size_t i = 0; i < items; i++) REQUIRE(results[i] == words[i] * 3 + 1);
    report(&times, (double)items);
}

/* Each item is taken up again and again: one launch for each time. */
static void again(size_t items, int rounds) {
    const size_t bytes = items * sizeof(cl_uint);
    cl_mem state = buffer(bytes);
    cl_uint *results = calloc(items, sizeof *results);
    REQUIRE(results != NULL && clSetKernelArg(once_more, 0, sizeof state, &state) == CL_SUCCESS);
    samples times = {0};
    const int64_t began = now_ns();
    do {
        memset(results, 0, bytes);
        const int64_t start = now_ns();
        REQUIRE(clEnqueueWriteBuffer(queue, state, CL_FALSE, 0, bytes, results, 0, NULL, NULL) == CL_SUCCESS);
        for (int round = 0; round < rounds; round++)
            REQUIRE(clEnqueueNDRangeKernel(queue, once_more, 1, NULL, &items, NULL, 0, NULL, NULL) == CL_SUCCESS);
        REQUIRE(clEnqueueReadBuffer(queue, state, CL_TRUE, 0, bytes, results, 0, NULL, NULL) == CL_SUCCESS);
        sample(&times, now_ns() - start);
        for (size_t i = 0; i < items; i++) REQUIRE(results[i] == (cl_uint)rounds);
    } while (!enough(&times, 3, began, 1));
    report(&times, (double)items * rounds);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    const size_t items = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    open_device();
    if (strcmp(what, "await") == 0) compute(1, 1000, 1);
    else if (strcmp(what, "trivial") == 0) compute(items ? items : 1 << 22, 10, 1.5);
    else if (strcmp(what, "requeue") == 0) again(items ? items : 1 << 16, 256);
    else give_up("usage: opencl await|trivial|requeue [items]");
    return 0;
}
