using ModelFs.Control;
using ModelFs.Prefetching;
using ModelFs.Terminal;

namespace ModelFs.Tests.Prefetching;

public sealed class PrefetchScreenTests
{
    private readonly SteppedTime time = new();
    private readonly StringWriter terminal = new();
    private (int Width, int Height) size = (80, 24);

    [Fact]
    public void A_file_and_all_files_have_a_line_each_with_a_bar()
    {
        var lines = Screen().Lines(Report(new FileProgress("MLFLOW/bert/1/weights.bin", 30 << 20, 40 << 20)), 100, 24);
        Assert.Equal(2, lines.Count);
        Assert.StartsWith("MLFLOW/bert/1/weights.bin ", lines[0], StringComparison.Ordinal);
        Assert.EndsWith(" ━━━━━━━━━━━━━━━━━━━━━━──────── 30.0 MiB of 40.0 MiB", lines[0], StringComparison.Ordinal);
        Assert.Equal("━━━━━━━━━━━━━━━─────────────── 1/4 files, 100 MiB of 200 MiB", lines[1]);
    }

    [Theory]
    [InlineData(200, 'x')]
    [InlineData(80, 'x')]
    [InlineData(40, 'x')]
    [InlineData(20, 'x')]
    [InlineData(1, 'x')]
    [InlineData(80, '模')]
    [InlineData(41, '模')]
    [InlineData(20, '模')]
    [InlineData(80, '\u009B')]
    public void No_line_is_as_wide_as_the_terminal(int width, char letter)
    {
        var lines = Screen().Lines(Report(new FileProgress("MLFLOW/" + new string(letter, 300) + "/end.bin", 1, 2), new FileProgress("a", 0, 0)), width, 24);
        Assert.All(lines, line => Assert.True(TerminalText.Width(line) < width, line));
        if (width >= 40)
            Assert.Contains("/end.bin ", lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_wide_characters_leave_the_bars_in_one_column()
    {
        var lines = Screen().Lines(Report(new FileProgress("MLFLOW/模型/1/weights.bin", 30 << 20, 40 << 20), new FileProgress("MLFLOW/bert/1/weights.bin", 30 << 20, 40 << 20)), 70, 24);
        Assert.Single(lines.Take(2).Select(line => TerminalText.Width(line[..line.IndexOf('━', StringComparison.Ordinal)])).Distinct());
    }

    [Fact]
    public async Task What_a_terminal_would_obey_in_a_name_or_a_reason_is_shown()
    {
        async IAsyncEnumerable<PrefetchReport> Reports()
        {
            yield return Report(new FileProgress("a\u009B2J", 0, 10)) with { Finished = [new("b\u009B2J", "no\u009B2J")] };
            await Task.CompletedTask;
        }

        await Screen().DrawAsync(Reports());
        var log = new StringWriter();
        await new PrefetchLines(log, time).WriteAsync(Reports());
        Assert.DoesNotContain('\u009B', terminal.ToString() + log);
        Assert.Contains(@"b\u009B2J: no\u009B2J", log.ToString(), StringComparison.Ordinal);
        Assert.Contains(@"a\u009B2J ", terminal.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void More_files_than_rows_are_counted()
    {
        var files = Enumerable.Range(0, 64).Select(i => new FileProgress($"f{i}", i, 64)).ToArray();
        var lines = Screen().Lines(Report(files), 80, 10);
        Assert.Equal(9, lines.Count);
        Assert.Equal("and 57 more", lines[^2]);
    }

    [Fact]
    public async Task Each_picture_takes_the_place_of_the_last_one_and_failures_stay()
    {
        async IAsyncEnumerable<PrefetchReport> Reports()
        {
            yield return Report(new FileProgress("a", 0, 10), new FileProgress("b", 0, 10));
            time.Step(TimeSpan.FromSeconds(2));
            size = (20, 24);
            yield return Report(new FileProgress("b", 5, 10)) with { Bytes = 150 << 20, Finished = [new("a", "EIO")] };
            await Task.CompletedTask;
            yield return Report() with { Files = 4, Bytes = 200 << 20 };
        }

        var summary = await Screen().DrawAsync(Reports());
        var pictures = terminal.ToString().Split("\e[");
        // A window that is four times narrower has broken lines of 79, 79 and 60 columns into 4, 4 and 3 rows.
        Assert.Equal("11F", pictures[1]);
        Assert.StartsWith("Ja: EIO\n", pictures[2], StringComparison.Ordinal);
        Assert.Equal("J", pictures[^1]);
        Assert.Equal("EIO", summary.Failures["a"]);
    }

    [Fact]
    public void The_rate_is_that_of_the_last_seconds_and_tells_the_time_left()
    {
        var rate = new TransferRate(time);
        rate.Add(900L << 20);
        Assert.Equal("", rate.Words(1));
        for (var second = 1; second <= 30; second++)
        {
            time.Step(TimeSpan.FromSeconds(1));
            rate.Add((900L << 20) + ((second < 15 ? second : 15) * (20L << 20)));
        }

        Assert.Equal("0 B/s, unknown time left", rate.Words(1));
        time.Step(TimeSpan.FromSeconds(1));
        rate.Add((900L << 20) + (25 * (20L << 20)));
        Assert.Equal("20.0 MiB/s, 5.0 s left", rate.Words(100 << 20));
        Assert.Equal("20.0 MiB/s", rate.Words(0));
    }

    [Fact]
    public async Task Of_many_files_a_log_gets_what_failed_and_no_line_each()
    {
        async IAsyncEnumerable<PrefetchReport> Reports()
        {
            yield return new PrefetchReport(0, 1000, 0, 0, 1000 << 20);
            await Task.CompletedTask;
            time.Step(TimeSpan.FromSeconds(6));
            yield return new PrefetchReport(600, 1000, 1, 600 << 20, 1000 << 20)
            {
                Finished = [.. Enumerable.Range(0, 600).Select(i => new FinishedFile($"f{i}", i == 7 ? "EIO" : null))],
            };
        }

        var output = new StringWriter();
        await new PrefetchLines(output, time).WriteAsync(Reports());
        Assert.Equal("f7: EIO\n600/1000 files, 600 MiB of 0.98 GiB, 100 MiB/s, 4.0 s left\n", output.ToString());
    }

    private static PrefetchReport Report(params FileProgress[] running) => new(1, 4, 0, 100 << 20, 200 << 20) { Running = running };

    private PrefetchScreen Screen() => new(terminal, () => size, time);

    private sealed class SteppedTime : TimeProvider
    {
        private long now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now;

        public void Step(TimeSpan by) => now += by.Ticks;
    }
}
