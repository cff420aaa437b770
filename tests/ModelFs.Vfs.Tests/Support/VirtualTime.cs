namespace ModelFs.Vfs.Tests.Support;

/// <summary>A clock that moves when it is told to, and runs the timers on its way.</summary>
internal sealed class VirtualTime : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Lock gate = new();
    private readonly List<VirtualTimer> timers = [];
    private TimeSpan elapsed;
    private TimeSpan clockShift;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public TimeSpan Elapsed
    {
        get
        {
            lock (gate)
                return elapsed;
        }
    }

    public override DateTimeOffset GetUtcNow() => Start + Elapsed + clockShift;

    public override long GetTimestamp() => Elapsed.Ticks;

    /// <summary>Sets the clock on the wall, as an administrator does; timers and timestamps do not notice.</summary>
    public void ShiftClock(TimeSpan by) => clockShift += by;

    public void Advance(TimeSpan by)
    {
        List<VirtualTimer> due;
        lock (gate)
        {
            elapsed += by;
            due = [.. timers.Where(timer => timer.Due <= elapsed)];
            due.ForEach(timer => timer.Due = TimeSpan.MaxValue);
        }

        due.ForEach(timer => timer.Fire());
    }

    /// <summary>Lets time pass until the task is done.</summary>
    /// <returns>How much passed.</returns>
    public async Task<TimeSpan> RunUntilAsync(Task task, TimeSpan most)
    {
        var begun = Elapsed;
        while (!task.IsCompleted)
        {
            Assert.True(Elapsed - begun <= most, $"not done after {most} of virtual time");
            // Give what is about to start its timer a real moment before virtual time runs away.
            await Task.WhenAny(task, Task.Delay(5));
            Advance(TimeSpan.FromMilliseconds(10));
        }

        return Elapsed - begun;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Assert.Equal(Timeout.InfiniteTimeSpan, period);
        var timer = new VirtualTimer(this, callback, state);
        lock (gate)
            timers.Add(timer);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class VirtualTimer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        public TimeSpan Due { get; set; } = TimeSpan.MaxValue;

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time.gate)
                Due = dueTime < TimeSpan.Zero ? TimeSpan.MaxValue : time.elapsed + dueTime;
            if (dueTime == TimeSpan.Zero)
                time.Advance(TimeSpan.Zero);
            return true;
        }

        public void Dispose()
        {
            lock (time.gate)
                time.timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}

/// <summary>The system's timers, and its clock put forward by as much as the virtual time was: the cache works by itself, and its last uses are as far apart as a test has them.</summary>
internal sealed class MovedClock(VirtualTime time) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + time.Elapsed;
}
