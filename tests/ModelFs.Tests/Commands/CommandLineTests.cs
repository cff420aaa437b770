using System.CommandLine;
using ModelFs.Commands;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Prefetching;

namespace ModelFs.Tests.Commands;

public sealed class CommandLineTests
{
    public static TheoryData<string> Verbs => [.. All(CommandLine.Build(), "")];

    [Fact]
    public void These_are_the_verbs() =>
        Assert.Equal(["mount", "umount", "ls", "cat", "resolve", "prefetch", "stat", "status", "cache", "config", "env", "doctor", "demo"], CommandLine.Build().Subcommands.Where(c => !c.Hidden).Select(c => c.Name));

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Every_verb_has_help_with_an_example_that_parses_and_the_exit_codes(string verb)
    {
        var help = Help([.. verb.Split(' '), "--help"]);
        Assert.Contains($"Example:\n  modelfs {verb}", help, StringComparison.Ordinal);
        Assert.Contains("2  the command line or the configuration is wrong", help, StringComparison.Ordinal);
        var example = verb.Split(' ').Aggregate((Command)CommandLine.Build(), (c, name) => c.Subcommands.Single(s => s.Name == name)) as Verb;
        Assert.Null(Complaint.About(CommandLine.Build().Parse(example!.Example["modelfs ".Length..])));
    }

    [Fact]
    public void The_programs_help_names_each_verb_on_a_line()
    {
        var help = Help("--help");
        foreach (var verb in CommandLine.Build().Subcommands.Where(c => !c.Hidden))
            Assert.Contains($"\n  {verb.Name} ", help, StringComparison.Ordinal);
    }

    [Fact]
    public void The_help_of_mount_names_every_setting()
    {
        var help = Help("mount", "--help");
        foreach (var setting in Setting.All)
            Assert.Contains($"{setting.Flag} <{setting.Argument}>", help, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, 2)]
    [InlineData("MLFLOW/iris", 3)]
    [InlineData("MLFLOW/iris/1/", 4)]
    [InlineData("models:/iris/1", 4)]
    [InlineData("models:/iris@champion", 4)]
    [InlineData("models:/iris@champion/data", 5)]
    public void The_cache_is_listed_one_level_below_a_place_however_it_is_called(string? path, int depth) =>
        Assert.Equal(depth, CacheListCommand.Depth(path));

    [Fact]
    public void A_long_listing_shows_kind_size_date_name_and_target()
    {
        var time = new DateTimeOffset(2025, 11, 19, 12, 34, 56, TimeSpan.Zero);
        Assert.Equal("-            42 2025-11-19 12:34 MLmodel", ListCommand.Long(new EntryReport("M/a/1/MLmodel", EntryKind.File, 42, time, null)));
        Assert.Equal("-             ?                - x", ListCommand.Long(new EntryReport("M/a/1/x", EntryKind.File, null, null, null)));
        Assert.Equal("l             -                - champion -> 1", ListCommand.Long(new EntryReport("M/a/champion", EntryKind.Link, null, null, "1")));
    }

    [Fact]
    public async Task Prefetch_without_a_terminal_says_each_file_and_why_one_failed()
    {
        var output = new StringWriter();
        var last = await new PrefetchLines(output, TimeProvider.System).WriteAsync(Reports());
        Assert.Equal("a: complete\nb: EIO\n", output.ToString());
        Assert.Equal((2, 6, 1), (last.Files, last.Bytes, last.Fetched));
        Assert.Equal("EIO", Assert.Single(last.Failures).Value);

        static async IAsyncEnumerable<PrefetchReport> Reports()
        {
            yield return new PrefetchReport(0, 2, 0, 5, 10);
            yield return new PrefetchReport(1, 2, 0, 6, 10) { Finished = [new("a")] };
            await Task.CompletedTask;
            yield return new PrefetchReport(2, 2, 1, 6, 10) { Finished = [new("b", "EIO")] };
        }
    }

    [Theory]
    [InlineData("frobnicate", "there is no verb 'frobnicate'; see modelfs --help")]
    [InlineData("prefech MLFLOW/iris", "there is no verb 'prefech', do you mean prefetch; see modelfs --help")]
    [InlineData("", "modelfs needs a verb; see modelfs --help")]
    [InlineData("config", "modelfs config needs a verb; see modelfs config --help")]
    [InlineData("config shw", "there is no verb 'shw', do you mean show; see modelfs config --help")]
    [InlineData("cat --frob x", "modelfs cat has no option '--frob'; see modelfs cat --help")]
    [InlineData("cat x --frob", "modelfs cat has no option '--frob'; see modelfs cat --help")]
    [InlineData("ls -x", "modelfs ls has no option '-x'; ")]
    [InlineData("cat x y", "Unrecognized command or argument 'y'; see modelfs cat --help")]
    [InlineData("cat", "modelfs cat needs a PATH; see modelfs cat --help")]
    [InlineData("mount --daemon", "modelfs mount needs a MOUNTPOINT; see modelfs mount --help")]
    [InlineData("cache ls --jsn", "modelfs cache ls has no option '--jsn', do you mean --json; see modelfs cache ls --help")]
    [InlineData("prefetch x --include-all=y", "modelfs prefetch has no option '--include-all=y'; see modelfs prefetch --help")]
    [InlineData("mount ~/m --cahce=/x", "modelfs mount has no option '--cahce=/x', do you mean --cache; see modelfs mount --help")]
    [InlineData("cache ls --sort foo", "--sort <size|age|name> does not take 'foo'; see modelfs cache ls --help")]
    [InlineData("cache ls --top x", "--top <N> does not take 'x'; see modelfs cache ls --help")]
    [InlineData("cache gc --older-than", "--older-than <AGE> has no value; see modelfs cache gc --help")]
    [InlineData("cache gc --older-than 3", "--older-than: '3' is not a time such as ")]
    [InlineData("pin MLFLOW/iris/1", "there is no verb 'pin', do you mean cache pin; see modelfs --help")]
    public void What_is_wrong_with_a_command_line_is_named(string line, string complaint) =>
        Assert.StartsWith(complaint, Complaint.About(CommandLine.Build().Parse(line)), StringComparison.Ordinal);

    [Theory]
    [InlineData("cat -- --frob")]
    [InlineData("ls -l")]
    [InlineData("prefetch a b --cache -x")]
    public void What_is_right_with_a_command_line_is_left_alone(string line) => Assert.Null(Complaint.About(CommandLine.Build().Parse(line)));

    private static IEnumerable<string> All(Command command, string prefix) =>
        command.Subcommands.Where(c => !c.Hidden).SelectMany(c => new[] { prefix + c.Name }.Concat(All(c, $"{prefix}{c.Name} ")));

    private static string Help(params string[] arguments)
    {
        var output = new StringWriter();
        Assert.Equal(0, CommandLine.Build().Parse(arguments).Invoke(new InvocationConfiguration { Output = output }));
        return output.ToString();
    }
}
