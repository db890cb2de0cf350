/* alarm: the last resort against C code that never comes back (a bad pattern in Lua's matcher sees
 * no hook): when the time is up one prepared line goes to stderr and the process ends at once; the
 * server rolls back. Refuses to know what was running. */
#ifndef ALARM_H
#define ALARM_H

/* `line` (cut at 500 bytes) and `code` are what the end will say. */
void alarm_start(long long ms, int code, const char *line);
/* While the process waits for somebody else; the time left is kept. Without a start: nothing. */
void alarm_pause(void);
void alarm_resume(void);
void alarm_stop(void);

#endif
