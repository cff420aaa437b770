namespace ModelFs.Cache.Tests;

public sealed class PaceTests
{
    [Fact]
    public async Task Who_shares_a_rate_pays_one_after_the_other()
    {
        var time = new SteppedTime();
        var pace = new Pace(100, time);
        var first = pace.SpendAsync(50, CancellationToken.None).AsTask();
        var second = pace.SpendAsync(100, CancellationToken.None).AsTask();
        Assert.Equal([TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(1.5)], time.Waits);
        time.Step(TimeSpan.FromSeconds(0.5));
        await first;
        Assert.False(second.IsCompleted);
        time.Step(TimeSpan.FromSeconds(1));
        await second;
    }

    [Fact]
    public void Time_in_which_nothing_was_spent_is_not_saved_up()
    {
        var time = new SteppedTime();
        var pace = new Pace(100, time);
        time.Step(TimeSpan.FromHours(1));
        _ = pace.SpendAsync(100, CancellationToken.None).AsTask();
        Assert.Equal([TimeSpan.FromSeconds(1)], time.Waits);
    }

    [Fact]
    public void All_who_share_a_rate_together_ask_for_a_quarter_of_a_second_at_once()
    {
        Assert.Equal(25, new Pace(100, TimeProvider.System).AtOnce);
        Assert.Equal(25, 5 * new Pace(100, TimeProvider.System, sharers: 5).AtOnce);
    }

    /// <summary>A clock that stands still until it is stepped.</summary>
    private sealed class SteppedTime : TimeProvider
    {
        private readonly List<Waiter> waiters = [];
        private TimeSpan now;

        public IEnumerable<TimeSpan> Waits => waiters.Select(w => w.Wait);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var waiter = new Waiter(callback, state, now + dueTime, dueTime);
            waiters.Add(waiter);
            return waiter;
        }

        public void Step(TimeSpan by)
        {
            now += by;
            foreach (var waiter in waiters.Where(w => w.Due <= now).ToList())
                waiter.Fire();
        }

        private sealed class Waiter(TimerCallback callback, object? state, TimeSpan due, TimeSpan wait) : ITimer
        {
            public TimeSpan Due => due;

            public TimeSpan Wait => wait;

            public void Fire() => callback(state);

            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
