/*
 * What this machine and this broker allow a client that does nothing else: librabbitmq, confirmed publish and
 * acknowledged consume. Not here: JSON, contracts, reconnection, or any other work a library does for its user.
 *
 *   limit publish   URL QUEUE MESSAGES BYTES WINDOW     persistent, mandatory, each confirmed, WINDOW in flight
 *   limit consume   URL QUEUE MESSAGES PREFETCH BATCH   each acknowledged, BATCH acks a frame (1: a frame each)
 *   limit roundtrip URL QUEUE MESSAGES BYTES            one confirmed publish at a time
 *
 * Prints one JSON object. Exits 1, saying why on stderr, when a message was returned, refused or lost.
 */

#if __has_include(<rabbitmq-c/amqp.h>) /* librabbitmq from 0.12 on */
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#endif
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

enum { CHANNEL = 1, POLL_EVERY = 32 };

__attribute__((noreturn)) static void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static double seconds_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double now(void) { return seconds_of(CLOCK_MONOTONIC); }
static double cpu(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

static uint64_t number(const char *text, const char *name) {
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  if (*end != '\0' || value == 0) die("%s must be a positive number, not %s", name, text);
  return value;
}

static void check_status(int status, const char *doing) {
  if (status < 0) die("%s: %s", doing, amqp_error_string2(status));
}

static void check_reply(amqp_connection_state_t connection, const char *doing) {
  amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
  if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
    amqp_channel_close_t *closed = reply.reply.decoded;
    die("%s: %u %.*s", doing, closed->reply_code, (int)closed->reply_text.len, (char *)closed->reply_text.bytes);
  }
  die("%s: %s", doing, reply.library_error ? amqp_error_string2(reply.library_error) : "refused by the broker");
}

static amqp_connection_state_t open_connection(char *url) {
  struct amqp_connection_info info;
  amqp_default_connection_info(&info);
  if (amqp_parse_url(url, &info) != AMQP_STATUS_OK) die("not an AMQP URL: %s", url);
  amqp_connection_state_t connection = amqp_new_connection();
  amqp_socket_t *tcp = amqp_tcp_socket_new(connection);
  check_status(amqp_socket_open(tcp, info.host, info.port), "connecting");
  amqp_rpc_reply_t login =
      amqp_login(connection, info.vhost, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, info.user, info.password);
  if (login.reply_type != AMQP_RESPONSE_NORMAL) die("login refused");
  amqp_channel_open(connection, CHANNEL);
  check_reply(connection, "opening a channel");
  return connection;
}

/* ------------------------------------------------------------------ publishing, with the confirms still owed */

typedef struct {
  amqp_connection_state_t connection;
  amqp_bytes_t queue;
  amqp_bytes_t body;
  amqp_basic_properties_t properties;
  uint64_t sent;
  uint64_t confirmed;
  uint64_t lowest;       /* every tag below it is confirmed */
  unsigned char *is_confirmed; /* by tag: quorum queues confirm out of order */
} publisher_t;

static publisher_t open_publisher(char *url, const char *queue, uint64_t messages, uint64_t bytes) {
  publisher_t publisher = {.connection = open_connection(url), .queue = amqp_cstring_bytes(queue), .lowest = 1};
  publisher.body = amqp_bytes_malloc(bytes);
  memset(publisher.body.bytes, 'x', bytes);
  publisher.properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG;
  publisher.properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
  publisher.properties.content_type = amqp_cstring_bytes("application/json");
  publisher.is_confirmed = calloc(messages + 2, 1);
  amqp_confirm_select(publisher.connection, CHANNEL);
  check_reply(publisher.connection, "asking for confirms");
  return publisher;
}

static void send_one(publisher_t *publisher) {
  int status = amqp_basic_publish(publisher->connection, CHANNEL, amqp_empty_bytes, publisher->queue, /*mandatory=*/1,
                                  /*immediate=*/0, &publisher->properties, publisher->body);
  check_status(status, "publishing");
  publisher->sent++;
}

static void confirm_tag(publisher_t *publisher, uint64_t tag) {
  if (tag == 0 || tag > publisher->sent) die("the broker confirmed tag %llu, never sent", (unsigned long long)tag);
  publisher->confirmed += !publisher->is_confirmed[tag];
  publisher->is_confirmed[tag] = 1;
}

static void on_ack(publisher_t *publisher, const amqp_basic_ack_t *ack) {
  for (uint64_t tag = ack->multiple ? publisher->lowest : ack->delivery_tag; tag <= ack->delivery_tag; tag++)
    confirm_tag(publisher, tag);
  while (publisher->lowest <= publisher->sent && publisher->is_confirmed[publisher->lowest]) publisher->lowest++;
}

/* Read one frame; returns 0 when `wait` is 0 and there is none. */
static int read_confirm(publisher_t *publisher, int wait) {
  struct timeval none = {0, 0};
  amqp_frame_t frame;
  int status = amqp_simple_wait_frame_noblock(publisher->connection, &frame, wait ? NULL : &none);
  if (!wait && status == AMQP_STATUS_TIMEOUT) return 0;
  check_status(status, "reading confirms");
  if (frame.frame_type != AMQP_FRAME_METHOD) return 1;
  switch (frame.payload.method.id) {
    case AMQP_BASIC_ACK_METHOD: on_ack(publisher, frame.payload.method.decoded); return 1;
    case AMQP_BASIC_RETURN_METHOD: die("a message was returned: no queue %s", (char *)publisher->queue.bytes);
    case AMQP_BASIC_NACK_METHOD: die("the broker refused a message");
    default: die("unexpected method 0x%08X from the broker", frame.payload.method.id);
  }
  return 1;
}

static void publish(char *url, const char *queue, uint64_t messages, uint64_t bytes, uint64_t window) {
  publisher_t publisher = open_publisher(url, queue, messages, bytes);
  double started = now(), cpu_started = cpu();
  while (publisher.confirmed < messages) {
    int is_full = publisher.sent == messages || publisher.sent - publisher.confirmed >= window;
    if (is_full) read_confirm(&publisher, 1);
    if (is_full || publisher.sent % POLL_EVERY == 0)
      while (publisher.confirmed < publisher.sent && read_confirm(&publisher, 0)) continue;
    if (publisher.sent < messages && publisher.sent - publisher.confirmed < window) send_one(&publisher);
  }
  printf("{\"messages\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", (unsigned long long)messages,
         now() - started, cpu() - cpu_started);
}

/* --------------------------------------------------------------------------------- one publish at a time */

static int compare(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static void roundtrip(char *url, const char *queue, uint64_t messages, uint64_t bytes) {
  publisher_t publisher = open_publisher(url, queue, messages, bytes);
  double *taken = calloc(messages, sizeof *taken);
  for (uint64_t index = 0; index < messages; index++) {
    double started = now();
    send_one(&publisher);
    while (publisher.confirmed < publisher.sent) read_confirm(&publisher, 1);
    taken[index] = now() - started;
  }
  qsort(taken, messages, sizeof *taken, compare);
  printf("{\"messages\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", (unsigned long long)messages,
         taken[messages / 2] * 1e6, taken[messages * 99 / 100] * 1e6);
}

/* ------------------------------------------------------------------------------------------- consuming */

/* Acks sent just before the channel closes can be lost on a quorum queue: 324 of 20,000 came back on 3.10. */
static void settle(void) {
  struct timespec pause = {0, 500 * 1000 * 1000};
  nanosleep(&pause, NULL);
}

static void consume(char *url, const char *queue, uint64_t messages, uint16_t prefetch, uint64_t batch) {
  amqp_connection_state_t connection = open_connection(url);
  amqp_basic_qos(connection, CHANNEL, 0, prefetch, 0);
  check_reply(connection, "setting the prefetch");
  amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, /*no_ack=*/0, 0,
                     amqp_empty_table);
  check_reply(connection, "consuming");
  double started = 0, cpu_started = 0;
  uint64_t acked = 0;
  for (uint64_t handled = 1; handled <= messages; handled++) {
    struct timeval patience = {30, 0};
    amqp_envelope_t envelope;
    amqp_maybe_release_buffers(connection);
    amqp_rpc_reply_t reply = amqp_consume_message(connection, &envelope, &patience, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
      die("after %llu messages: %s", (unsigned long long)(handled - 1), amqp_error_string2(reply.library_error));
    if (handled == 1) started = now(), cpu_started = cpu();
    if (envelope.delivery_tag - acked >= batch || handled == messages) {
      check_status(amqp_basic_ack(connection, CHANNEL, envelope.delivery_tag, batch > 1), "acknowledging");
      acked = envelope.delivery_tag;
    }
    amqp_destroy_envelope(&envelope);
  }
  double seconds = now() - started, cpu_seconds = cpu() - cpu_started;
  settle();
  amqp_channel_close(connection, CHANNEL, AMQP_REPLY_SUCCESS);
  printf("{\"messages\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", (unsigned long long)messages, seconds,
         cpu_seconds);
}

int main(int count, char **arguments) {
  if (count == 7 && !strcmp(arguments[1], "publish"))
    publish(arguments[2], arguments[3], number(arguments[4], "MESSAGES"), number(arguments[5], "BYTES"),
            number(arguments[6], "WINDOW"));
  else if (count == 7 && !strcmp(arguments[1], "consume"))
    consume(arguments[2], arguments[3], number(arguments[4], "MESSAGES"), (uint16_t)number(arguments[5], "PREFETCH"),
            number(arguments[6], "BATCH"));
  else if (count == 6 && !strcmp(arguments[1], "roundtrip"))
    roundtrip(arguments[2], arguments[3], number(arguments[4], "MESSAGES"), number(arguments[5], "BYTES"));
  else
    die("usage: limit publish URL QUEUE MESSAGES BYTES WINDOW | consume URL QUEUE MESSAGES PREFETCH BATCH | roundtrip "
        "URL QUEUE MESSAGES BYTES");
  return 0;
}
