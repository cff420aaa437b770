using System.CommandLine;
using ModelFs.Configuration;

namespace ModelFs.Commands;

/// <summary><c>modelfs cache …</c>: what lies in the cache, and what stays there.</summary>
internal static class CacheCommand
{
    public const string PlaceHelp = "MLFLOW, MLFLOW/iris, MLFLOW/iris/champion, models:/iris@champion, or a path under a mount; all of the cache without one.";

    public static Command Create() => new Verb("cache", "Shows what lies in the cache, removes, verifies and pins it.", "modelfs cache ls --sort age --top 10")
    {
        CacheInfoCommand.Create(),
        CacheListCommand.Create(),
        CacheGcCommand.Create(),
        CacheVerifyCommand.Create(),
        CacheClearCommand.Create(),
        CachePinCommand.CreatePin(),
        CachePinCommand.CreateUnpin(),
    };

    public static Argument<string?> Place() => new("PATH") { Description = PlaceHelp, Arity = ArgumentArity.ZeroOrOne };

    public static IReadOnlyList<string> Places(string? path) => path is null ? [] : [path];

    public static Option<long?> SizeOption(string name, string description) => new(name)
    {
        HelpName = "SIZE",
        Description = description,
        CustomParser = result =>
        {
            if (ByteSize.TryParse(result.Tokens[0].Value, out var bytes))
                return bytes;
            result.AddError($"{name}: '{result.Tokens[0].Value}' is not {ByteSize.Forms}");
            return null;
        },
    };

    public static Option<TimeSpan?> AgeOption(string name, string description) => new(name)
    {
        HelpName = "AGE",
        Description = description,
        CustomParser = result =>
        {
            if (Duration.TryParse(result.Tokens[0].Value, out var age))
                return age;
            result.AddError($"{name}: '{result.Tokens[0].Value}' is not {Duration.Forms}");
            return null;
        },
    };
}
